/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - the command line, and what the exit codes mean.
 *
 * Owns nothing: the texts are those of argv.
 */
#ifndef MAILREEVE_DAEMON_OPTIONS_H
#define MAILREEVE_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define OPTIONS_OVERRIDES_MAX 256 /* how often -o may be given */

/* As in sysexits(3). */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_BAD_USAGE = 64,
	EXIT_OS_TROUBLE = 71,
	EXIT_CANNOT_CREATE = 73,
	EXIT_TRY_AGAIN = 75,
	EXIT_NO_PERMISSION = 77,
	EXIT_BAD_CONFIG = 78,
};

/* Every exit code with its meaning: --help shows it, and the manual is compared with it. */
struct exit_row {
	enum exit_code code;
	const char *help;
};
extern const struct exit_row exit_rows[];
extern const size_t exit_n_rows;

enum options_task { TASK_SERVE, TASK_CHECK, TASK_PRINT_CONFIG, TASK_PRINT_FACTS, TASK_HELP, TASK_VERSION };

struct options {
	enum options_task task;
	const char *config_file;
	const char *overrides[OPTIONS_OVERRIDES_MAX];
	size_t n_overrides;
	bool foreground, verbose, allow_root;
	bool no_kick, no_fd_conn; /* hidden: see struct milter_start */
};

/* Read the command line. 0, or -1 with err: usage. */
int options_parse(struct options *options, int argc, char **argv, struct err *err);

void options_print_help(FILE *out);
void options_print_version(FILE *out);

#endif
