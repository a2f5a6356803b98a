/* SPDX-License-Identifier: BSD-2-Clause */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "tools/check_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/strbuf.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif

#define SEE_HELP    "; see mailreeve-check --help"
#define WORD_OCTETS 80 /* of an argument that a message repeats */
#define KEY_FIRST   256

enum kind { KIND_MODE, KIND_TEXT, KIND_LIST, KIND_FLAG };

/* One row an option. `offset` is where it goes in struct tool_options; for KIND_MODE it is the mode. */
static const struct row {
	const char *name, *argument, *help;
	enum kind kind;
	size_t offset;
	unsigned modes; /* to which it belongs; for KIND_MODE: the one that it chooses */
	char letter;
} rows[] = {
#define AT(member) offsetof(struct tool_options, member)
#define SPF        (1U << TOOL_SPF)
#define DKIM       (1U << TOOL_DKIM)
#define ALL        (SPF | DKIM)
	{ "spf", NULL, "check SPF (RFC 7208)", KIND_MODE, TOOL_SPF, SPF, 0 },
	{ "dkim", NULL, "check the signatures of a message (RFC 6376) and DMARC (RFC 9989)", KIND_MODE, TOOL_DKIM, DKIM,
	  0 },
	{ "message", "FILE", "the message; '-' is standard input", KIND_TEXT, AT(message), DKIM, 0 },
	{ "now", "EPOCH", "the time of the check, in seconds since 1970", KIND_TEXT, AT(now), DKIM, 0 },
	{ "smtputf8", NULL, "the message came with SMTPUTF8 (RFC 6531)", KIND_FLAG, AT(smtputf8), DKIM, 0 },
	{ "canonical", NULL, "show what was hashed", KIND_FLAG, AT(canonical), DKIM, 0 },
	{ "ip", "IP", "the client's address", KIND_TEXT, AT(ip), ALL, 0 },
	{ "helo", "NAME", "the client's argument of HELO or EHLO", KIND_TEXT, AT(helo), ALL, 0 },
	{ "from", "SENDER", "the argument of MAIL FROM; '<>' is the null reverse-path", KIND_TEXT, AT(from), ALL, 0 },
	{ "identity", "helo|mailfrom", "which name is checked (mailfrom; without --from: helo)", KIND_TEXT,
	  AT(identity), SPF, 0 },
	{ "scope", "mfrom|pra", "prefer records of Sender ID with this scope (RFC 4406)", KIND_TEXT, AT(scope), SPF,
	  0 },
	{ "receiver", "NAME", "the name of the host that receives (unknown)", KIND_TEXT, AT(receiver), SPF, 0 },
	{ "guess", NULL, "where there is no record, evaluate the best guess", KIND_FLAG, AT(guess), SPF, 0 },
	{ "zone", "FILE", "answer all DNS questions from this file", KIND_TEXT, AT(zone), ALL, 0 },
	{ "resolver", "ADDRESS[@PORT]", "ask this DNS resolver; may be repeated", KIND_LIST, 0, ALL, 0 },
	{ "timeout", "MS", "give up after so many milliseconds (20000)", KIND_TEXT, AT(timeout), ALL, 0 },
	{ "json", NULL, "print one JSON object", KIND_FLAG, AT(json), ALL, 0 },
	{ "help", NULL, "print this and exit", KIND_FLAG, AT(help), ALL, 'h' },
	{ "version", NULL, "print the version and exit", KIND_FLAG, AT(version), ALL, 'V' },
#undef ALL
#undef DKIM
#undef SPF
#undef AT
};

static const struct {
	enum tool_exit code;
	const char *help;
} exit_rows[] = {
	{ TOOL_DONE, "The check was done, whatever its result is." },
	{ TOOL_FAILED, "The check could not be done: the system refused something." },
	{ TOOL_USAGE, "The command line, or a file that it names, is wrong." },
};

/* What getopt_long() wants to see, made from the rows. */
struct getopt_tables {
	char letters[COUNT(rows) + 2];
	struct option longs[COUNT(rows) + 1];
};

static void getopt_tables_fill(struct getopt_tables *tables)
{
	char *letter = tables->letters;

	*letter++ = ':'; /* report a missing argument as ':', not as '?' */
	for (size_t i = 0; i < COUNT(rows); i++) {
		tables->longs[i] = (struct option){ rows[i].name, rows[i].argument ? required_argument : no_argument,
			                            NULL, rows[i].letter ? rows[i].letter : KEY_FIRST + (int)i };
		if (rows[i].letter)
			*letter++ = rows[i].letter;
	}
}

/* The row of what getopt_long() returns or has in optopt; NULL: there is none. */
static const struct row *row_of(int key)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (key == (rows[i].letter ? rows[i].letter : KEY_FIRST + (int)i))
			return &rows[i];
	return NULL;
}

static int take_mode(struct tool_options *options, const struct row *row, struct err *err)
{
	if (options->mode != TOOL_NOTHING && options->mode != (enum tool_mode)row->offset)
		return err_set(err, "--%s: one kind of check at a time" SEE_HELP, row->name);
	options->mode = (enum tool_mode)row->offset;
	return 0;
}

static int take_text(const struct row *row, const char **text, const char *argument, struct err *err)
{
	if (*text)
		return err_set(err, "--%s is given twice" SEE_HELP, row->name);
	*text = argument;
	return 0;
}

static int take_resolver(struct tool_options *options, const char *argument, struct err *err)
{
	if (options->n_resolvers == TOOL_RESOLVERS_MAX)
		return err_set(err, "--resolver is given more than %d times", TOOL_RESOLVERS_MAX);
	options->resolvers[options->n_resolvers++] = argument;
	return 0;
}

static int take(struct tool_options *options, const struct row *row, const char *argument, struct err *err)
{
	void *where = (char *)options + (row->kind == KIND_MODE ? 0 : row->offset);

	switch (row->kind) {
	case KIND_MODE:
		return take_mode(options, row, err);
	case KIND_TEXT:
		return take_text(row, where, argument, err);
	case KIND_LIST:
		return take_resolver(options, argument, err);
	default:
		*(bool *)where = true;
		return 0;
	}
}

static const char *word_clean(const char *word, char text[WORD_OCTETS])
{
	struct strbuf buf;

	strbuf_open(&buf, text, WORD_OCTETS);
	strbuf_add_clean(&buf, word, "\"", WORD_OCTETS - 1);
	return text;
}

/* `word` is the last one that was read to its end: not the culprit where that stands in the middle of a word. */
static int fault(int key, const char *word, struct err *err)
{
	const struct row *row = optopt ? row_of(optopt) : NULL;
	const char letter[] = { '-', (char)optopt, '\0' };
	char text[WORD_OCTETS];

	if (key == ':')
		return err_set(err, "--%s needs an argument" SEE_HELP, row ? row->name : "");
	if (row)
		return err_set(err, "--%s takes no argument" SEE_HELP, row->name);
	return err_set(err, "%s is not an option" SEE_HELP, word_clean(optopt ? letter : word, text));
}

static bool is_given(const struct tool_options *options, const struct row *row)
{
	const void *where = (const char *)options + row->offset;

	if (row->kind == KIND_TEXT)
		return *(const char *const *)where != NULL;
	return row->kind == KIND_FLAG && *(const bool *)where;
}

static int check_modes(const struct tool_options *options, struct err *err)
{
	if (options->mode == TOOL_NOTHING)
		return err_set(err, "what is to be checked is missing: --spf or --dkim" SEE_HELP);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!(rows[i].modes & 1U << options->mode) && is_given(options, &rows[i]))
			return err_set(err, "--%s has no place in this kind of check" SEE_HELP, rows[i].name);
	return 0;
}

int tool_options_parse(struct tool_options *options, int argc, char **argv, struct err *err)
{
	struct getopt_tables tables = { .letters = "" };
	char text[WORD_OCTETS];
	int key;

	*options = (struct tool_options){ .mode = TOOL_NOTHING };
	getopt_tables_fill(&tables);
	opterr = 0;
	while ((key = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		if (key == ':' || key == '?')
			return fault(key, argv[optind - 1], err);
		if (take(options, row_of(key), optarg, err))
			return -1;
	}
	if (options->help || options->version)
		return 0;
	if (optind < argc)
		return err_set(err, "\"%s\": mailreeve-check takes options only" SEE_HELP,
		               word_clean(argv[optind], text));
	return check_modes(options, err);
}

int tool_number(int *number, const char *name, const char *text, int least, int most, int standard, struct err *err)
{
	char shown[WORD_OCTETS];
	char *end;
	long value;

	*number = standard;
	if (!text)
		return 0;
	errno = 0;
	value = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < least || value > most)
		return err_set(err, "%s \"%s\": must be a whole number between %d and %d", name,
		               word_clean(text, shown), least, most);
	*number = (int)value;
	return 0;
}

static void print_option(FILE *out, const struct row *row)
{
	char left[48];
	struct strbuf buf;

	strbuf_open(&buf, left, sizeof(left));
	if (row->letter)
		strbuf_addf(&buf, "-%c, ", row->letter);
	else
		strbuf_add(&buf, "    ");
	strbuf_addf(&buf, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
	fprintf(out, "  %-30s %s\n", left, row->help);
}

void tool_print_help(FILE *out)
{
	fprintf(out, "usage: mailreeve-check --spf --ip IP --helo NAME [--from SENDER] [--identity helo|mailfrom]\n"
	             "                       [--scope mfrom|pra] [--receiver NAME] [--guess]\n"
	             "                       [--zone FILE | --resolver ADDRESS[@PORT]]... [--timeout MS] [--json]\n"
	             "       mailreeve-check --dkim --message FILE [--now EPOCH] [--smtputf8] [--canonical]\n"
	             "                       [--ip IP --helo NAME --from SENDER] [--zone FILE | --resolver "
	             "ADDRESS[@PORT]]...\n"
	             "                       [--timeout MS] [--json]\n"
	             "       mailreeve-check --help | --version\n\n");
	for (size_t i = 0; i < COUNT(rows); i++)
		print_option(out, &rows[i]);
	fprintf(out, "\nexit status:\n");
	for (size_t i = 0; i < COUNT(exit_rows); i++)
		fprintf(out, "  %2d  %s\n", (int)exit_rows[i].code, exit_rows[i].help);
}

void tool_print_version(FILE *out)
{
	fprintf(out, "mailreeve-check %s\n", PACKAGE_VERSION);
}
