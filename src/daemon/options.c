/* SPDX-License-Identifier: BSD-2-Clause */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "daemon/options.h"

#include <getopt.h>
#include <string.h>

#include "base/base.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif
#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#define CONFIG_FILE SYSCONFDIR "/mailreeve/mailreeve.conf"

const struct exit_row exit_rows[] = {
	{ EXIT_FINE, "It stopped when told to, or the check found nothing wrong." },
	{ EXIT_BAD_USAGE, "The command line is wrong." },
	{ EXIT_OS_TROUBLE, "The system refused something (fork, memory, signals)." },
	{ EXIT_CANNOT_CREATE, "The socket or the pid file cannot be made, or another instance owns it." },
	{ EXIT_TRY_AGAIN, "The worker did not become ready; trying again may help." },
	{ EXIT_NO_PERMISSION, "It would have to serve as root, or may not become the configured user." },
	{ EXIT_BAD_CONFIG, "The configuration has an error." },
};
const size_t exit_n_rows = COUNT(exit_rows);

enum { KEY_ALLOW_ROOT = 256, KEY_PRINT_CONFIG, KEY_PRINT_FACTS, KEY_NO_KICK, KEY_NO_FD_CONN };

/* One row an option. Without help it is hidden: no-kick and no-fd-conn show what happens without the remedies of
 * milter/. */
static const struct {
	int key;
	const char *name, *argument, *help;
} rows[] = {
	{ 'c', "config", "FILE", "the configuration file (" CONFIG_FILE ")" },
	{ 'f', "foreground", NULL, "stay in the foreground" },
	{ 'h', "help", NULL, "print this and exit" },
	{ 'n', "check", NULL, "check the configuration and exit" },
	{ 'o', "set", "NAME=VALUE", "set an option over what the file says; may be repeated" },
	{ 'v', "verbose", NULL, "log more" },
	{ 'V', "version", NULL, "print the version and exit" },
	{ KEY_ALLOW_ROOT, "allow-root", NULL, "serve as root" },
	{ KEY_PRINT_CONFIG, "print-config", NULL, "print every option, its value and where it came from, and exit" },
	{ KEY_PRINT_FACTS, "print-facts", NULL, "print every fact of this configuration with its points, and exit" },
	{ KEY_NO_KICK, "no-kick", NULL, NULL },
	{ KEY_NO_FD_CONN, "no-fd-conn", NULL, NULL },
};

/* What getopt_long() wants to see, made from the rows. */
struct getopt_tables {
	char letters[2 * COUNT(rows) + 2];
	struct option longs[COUNT(rows) + 1];
};

static void getopt_tables_fill(struct getopt_tables *tables)
{
	char *letter = tables->letters;

	memset(tables, 0, sizeof(*tables));
	*letter++ = ':'; /* report a missing argument as ':', not as '?' */
	for (size_t i = 0; i < COUNT(rows); i++) {
		tables->longs[i] = (struct option){ rows[i].name, rows[i].argument ? required_argument : no_argument,
			                            NULL, rows[i].key };
		if (rows[i].key >= KEY_ALLOW_ROOT)
			continue;
		*letter++ = (char)rows[i].key;
		if (rows[i].argument)
			*letter++ = ':';
	}
}

static int override_add(struct options *options, const char *text, struct err *err)
{
	if (options->n_overrides == OPTIONS_OVERRIDES_MAX)
		return err_set(err, "-o %s: more than %d options are set on the command line", text,
		               OPTIONS_OVERRIDES_MAX);
	options->overrides[options->n_overrides++] = text;
	return 0;
}

static int option_take(struct options *options, int key, const char *argument, struct err *err)
{
	switch (key) {
	case 'c':
		options->config_file = argument;
		return 0;
	case 'f':
		options->foreground = true;
		return 0;
	case 'h':
		options->task = TASK_HELP;
		return 0;
	case 'n':
		options->task = TASK_CHECK;
		return 0;
	case 'o':
		return override_add(options, argument, err);
	case 'v':
		options->verbose = true;
		return 0;
	case 'V':
		options->task = TASK_VERSION;
		return 0;
	case KEY_ALLOW_ROOT:
		options->allow_root = true;
		return 0;
	case KEY_PRINT_CONFIG:
		options->task = TASK_PRINT_CONFIG;
		return 0;
	case KEY_PRINT_FACTS:
		options->task = TASK_PRINT_FACTS;
		return 0;
	case KEY_NO_KICK:
		options->no_kick = true;
		return 0;
	default:
		options->no_fd_conn = true;
		return 0;
	}
}

static const char *name_of(int key)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].key == key)
			return rows[i].name;
	return NULL;
}

/* `word` is the last one that was read to its end: not the culprit where that stands in the middle of a word. */
static int option_fault(int key, const char *word, struct err *err)
{
	const char letter[] = { '-', (char)optopt, '\0' };

	if (key == ':')
		return err_set(err, "%s needs an argument; see mailreeve --help",
		               strncmp(word, "--", 2) == 0 ? word : letter);
	if (optopt && name_of(optopt))
		return err_set(err, "--%s takes no argument; see mailreeve --help", name_of(optopt));
	return err_set(err, "%s is not an option; see mailreeve --help", optopt ? letter : word);
}

int options_parse(struct options *options, int argc, char **argv, struct err *err)
{
	struct getopt_tables tables;
	int key;

	*options = (struct options){ .config_file = CONFIG_FILE };
	getopt_tables_fill(&tables);
	opterr = 0;
	optind = 0; /* glibc: begin anew (the unit tests call this more than once) */
	while ((key = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		if (key == ':' || key == '?')
			return option_fault(key, argv[optind - 1], err);
		if (option_take(options, key, optarg, err))
			return -1;
	}
	if (optind < argc)
		return err_set(err, "\"%s\": mailreeve takes options only; see mailreeve --help", argv[optind]);
	return 0;
}

static void print_option(FILE *out, size_t row)
{
	char left[40];
	const char *argument = rows[row].argument;

	if (rows[row].key < KEY_ALLOW_ROOT)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", rows[row].key, rows[row].name, argument ? " " : "",
		         argument ? argument : "");
	else
		snprintf(left, sizeof(left), "    --%s", rows[row].name);
	fprintf(out, "  %-24s %s\n", left, rows[row].help);
}

void options_print_help(FILE *out)
{
	fprintf(out, "usage: mailreeve [-fnvV] [-c FILE] [-o NAME=VALUE]... [--print-config] [--print-facts] "
	             "[--allow-root] [--help]\n\n");
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].help)
			print_option(out, i);
	fprintf(out, "\nexit status:\n");
	for (size_t i = 0; i < COUNT(exit_rows); i++)
		fprintf(out, "  %2d  %s\n", (int)exit_rows[i].code, exit_rows[i].help);
}

void options_print_version(FILE *out)
{
	fprintf(out, "mailreeve %s\n", PACKAGE_VERSION);
}
