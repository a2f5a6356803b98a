/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_options - the command line of mailreeve-check, and what its exit statuses mean.
 *
 * Owns nothing: the texts are those of argv.
 */
#ifndef MAILREEVE_TOOLS_CHECK_OPTIONS_H
#define MAILREEVE_TOOLS_CHECK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define TOOL_RESOLVERS_MAX 16 /* how often --resolver may be given */

enum tool_exit {
	TOOL_DONE = 0,   /* whatever the result is */
	TOOL_FAILED = 1, /* could not do its work */
	TOOL_USAGE = 2,  /* the command line, or a file that it names */
};

/* What is to be checked. A new one: a row in check_options.c, and one in check_main.c. */
enum tool_mode { TOOL_NOTHING, TOOL_SPF, TOOL_DKIM };
#define TOOL_MODES 3

struct tool_options {
	enum tool_mode mode;
	/* As given; NULL: not given. */
	const char *ip, *helo, *from, *receiver, *identity, *scope, *message, *now, *zone, *timeout;
	const char *resolvers[TOOL_RESOLVERS_MAX];
	size_t n_resolvers;
	bool guess, smtputf8, canonical, json, help, version;
};

/* Read the command line; with help or version nothing else is asked for. 0, or -1 with err: usage. */
int tool_options_parse(struct tool_options *options, int argc, char **argv, struct err *err);

/*
 * A whole number between `least` and `most`, or `standard` when it is not given. -1 with err, which calls it
 * `name` ("--timeout").
 */
int tool_number(int *number, const char *name, const char *text, int least, int most, int standard, struct err *err);

void tool_print_help(FILE *out);
void tool_print_version(FILE *out);

#endif
