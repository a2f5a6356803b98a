/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_main - mailreeve-check: what the daemon would find out, step by step, from the command line.
 */
#include <stdio.h>

#include "base/log.h"
#include "tools/check_dkim.h"
#include "tools/check_options.h"
#include "tools/check_spf.h"

typedef enum tool_exit tool_run(const struct tool_options *options, FILE *out, struct err *err);

static tool_run *const modes[TOOL_MODES] = {
	[TOOL_SPF] = tool_spf,
	[TOOL_DKIM] = tool_dkim,
};

static enum tool_exit run(const struct tool_options *options, struct err *err)
{
	if (options->help)
		tool_print_help(stdout);
	else if (options->version)
		tool_print_version(stdout);
	else
		return modes[options->mode](options, stdout, err);
	return TOOL_DONE;
}

int main(int argc, char **argv)
{
	struct tool_options options;
	struct err err = { "" };
	enum tool_exit code = TOOL_USAGE;

	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (tool_options_parse(&options, argc, argv, &err) == 0)
		code = run(&options, &err);
	if (code == TOOL_DONE && (fflush(stdout) || ferror(stdout))) {
		err_set(&err, "standard output cannot be written");
		code = TOOL_FAILED;
	}
	if (code != TOOL_DONE)
		fprintf(stderr, "mailreeve-check: %s\n", err.text);
	return (int)code;
}
