/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_fixture - options of every type, a directory for the files of a test, and what is read from them.
 */
#ifndef MAILREEVE_TESTS_CONFIG_FIXTURE_H
#define MAILREEVE_TESTS_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/ip.h"
#include "config/config.h"

struct code {
	const char *code;
	int points_milli;
};

struct list {
	const char *name;
	const char *zone;
	const char *key;
	int weight_milli;
	struct config_array codes;
	bool allow;
};

struct settings {
	bool debug;
	int mode, socket_mode, threads, level;
	const char *title;
	int reject_milli, defer_milli;
	struct config_array senders, networks, lists;
	const char *password;
};

static const char *const modes[] = { "enforce", "monitor", NULL };

static const struct config_row code_rows[] = {
	{ "code", CONFIG_STRING, offsetof(struct code, code), 7, 15, NULL, NULL, NULL, false, "The return code." },
	{ "points", CONFIG_POINTS, offsetof(struct code, points_milli), -100000, 100000, "1.0", NULL, NULL, false,
	  "Its points." },
};
static const struct config_list code_list = { code_rows, COUNT(code_rows), sizeof(struct code) };

static const struct config_row list_rows[] = {
	{ "name", CONFIG_STRING, offsetof(struct list, name), 1, 32, NULL, NULL, NULL, false, "Name of the list." },
	{ "zone", CONFIG_STRING, offsetof(struct list, zone), 0, 0, "\"\"", NULL, NULL, false, "Zone of the list." },
	{ "key", CONFIG_STRING, offsetof(struct list, key), 0, 0, "\"\"", NULL, NULL, true, "Key of the list." },
	{ "weight", CONFIG_POINTS, offsetof(struct list, weight_milli), 0, 5000, "2.5", NULL, NULL, false, "Weight." },
	{ "codes", CONFIG_LIST, offsetof(struct list, codes), 0, 0, "()", NULL, &code_list, false, "Codes." },
	{ "is.allow", CONFIG_BOOL, offsetof(struct list, allow), 0, 0, "false", NULL, NULL, false, "Allows." },
};
static const struct config_list list_list = { list_rows, COUNT(list_rows), sizeof(struct list) };

static const struct config_row top_rows[] = {
	{ "mode", CONFIG_ENUM, offsetof(struct settings, mode), 0, 0, "\"enforce\"", modes, NULL, false,
	  "What is done." },
	{ "log.debug", CONFIG_BOOL, offsetof(struct settings, debug), 0, 0, "false", NULL, NULL, false, "More lines." },
};

/* The same name again: the rows of both are united. */
static const struct config_row more_rows[] = {
	{ "threads", CONFIG_INT, offsetof(struct settings, threads), 1, 64, "4", NULL, NULL, false,
	  "How many threads." },
	{ "level", CONFIG_INT, offsetof(struct settings, level), 0, 0, "0", NULL, NULL, false, "Any number." },
	{ "title", CONFIG_STRING, offsetof(struct settings, title), 0, 20, "\"\"", NULL, NULL, false,
	  "A title that is explained in so many words that its help needs more than one line of the printed file, "
	  "wherever it is broken." },
	{ "socket.mode", CONFIG_MODE, offsetof(struct settings, socket_mode), 0, 0, "\"0660\"", NULL, NULL, false,
	  "Mode." },
	{ "socket.password", CONFIG_STRING, offsetof(struct settings, password), 0, 64, "\"\"", NULL, NULL, true,
	  "Secret." },
};

static const struct config_row policy_test_rows[] = {
	{ "reject", CONFIG_POINTS, offsetof(struct settings, reject_milli), -100000, 100000, "10.0", NULL, NULL, false,
	  "Reject." },
	{ "defer", CONFIG_POINTS_OR_OFF, offsetof(struct settings, defer_milli), 0, 0, "\"off\"", NULL, NULL, false,
	  "Defer." },
};

static const struct config_row dnsbl_rows[] = {
	{ "senders", CONFIG_STRINGS, offsetof(struct settings, senders), 0, 3, "[ \"postmaster\", \"abuse\" ]", NULL,
	  NULL, false, "S." },
	{ "networks", CONFIG_NETWORKS, offsetof(struct settings, networks), 0, 0, "[ \"127.0.0.0/8\", \"::1\" ]", NULL,
	  NULL, false, "N." },
	{ "lists", CONFIG_LIST, offsetof(struct settings, lists), 0, 0,
	  "( { name = \"d\"; codes = ( { code = \"127.0.0.2\"; } ); } )", NULL, &list_list, false, "Lists." },
};

/* libconfig 1.5 loses the string it was reading when a file has a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

/* Of this process: made before its tests, removed behind them. */
static char directory[] = "/tmp/test_config.XXXXXX";

static inline const char *file_named(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static inline const char *write_octets(const char *name, const char *text, size_t octets)
{
	const char *path = file_named(name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, octets, out), octets);
	fclose(out);
	return path;
}

static inline const char *write_file(const char *name, const char *text)
{
	return write_octets(name, text, strlen(text));
}

static inline struct config *open_file(const char *file, const char *const *overrides, size_t n,
                                       struct settings *settings, struct err *err)
{
	const struct config_section sections[] = {
		{ "", "Top.", top_rows, COUNT(top_rows), settings },
		{ "policy", "The policy.", policy_test_rows, COUNT(policy_test_rows), settings },
		{ "", NULL, more_rows, COUNT(more_rows), settings },
		{ "dnsbl", "Lists.", dnsbl_rows, COUNT(dnsbl_rows), settings },
	};

	memset(settings, 0, sizeof(*settings));
	err_set(err, "%s", "");
	return config_open(file, overrides, n, sections, COUNT(sections), err);
}

static inline struct config *open_text(const char *text, struct settings *settings, struct err *err)
{
	return open_file(write_file("t.conf", text), NULL, 0, settings, err);
}

/* The text must be read. */
static inline struct config *must_open(const char *text, struct settings *settings)
{
	struct err err;
	struct config *config = open_text(text, settings, &err);

	if (config == NULL)
		fail_msg("%s", err.text);
	return config;
}

/* Error messages begin with the file's directory, which differs each time: compared from there on. */
static inline void assert_error(const struct err *err, const char *expected)
{
	const char *line = strstr(err->text, expected);

	if (line == NULL)
		fail_msg("expected: %s\ngot: %s", expected, err->text);
}

static inline void must_fail(const char *text, const char *expected)
{
	struct settings settings;
	struct err err;
	struct config *config = open_text(text, &settings, &err);

	if (config != NULL)
		fail_msg("was accepted: %s", text);
	assert_error(&err, expected);
}

static inline char *printed(const struct config *config)
{
	char *text = NULL;
	size_t octets;
	FILE *out = open_memstream(&text, &octets);

	config_print(config, out);
	fclose(out);
	return text;
}

static inline int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static inline int remove_directory(void **state)
{
	static const char *const names[] = { "t.conf", "m.conf", "inc/a.conf", "inc/b.conf", "pipe" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(file_named(names[i]));
	rmdir(file_named("inc"));
	return rmdir(directory);
}

#endif
