/* SPDX-License-Identifier: BSD-2-Clause */
/* What an administrator relies on: right values, every mistake named, a printed configuration that can be read again.
 */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/ip.h"
#include "config/config.h"
#include "config/config_number.h"
#include "config/nearest.h"

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

static const struct config_row required_rows[] = {
	{ "level", CONFIG_INT, offsetof(struct settings, level), 1, 9, NULL, NULL, NULL, false, "Must be given." },
};

/* libconfig 1.5 loses the string it was reading when a file has a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static char directory[] = "/tmp/test_config.XXXXXX";

static const char *file_named(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static const char *write_octets(const char *name, const char *text, size_t octets)
{
	const char *path = file_named(name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, octets, out), octets);
	fclose(out);
	return path;
}

static const char *write_file(const char *name, const char *text)
{
	return write_octets(name, text, strlen(text));
}

static struct config *open_file(const char *file, const char *const *overrides, size_t n, struct settings *settings,
                                struct err *err)
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

static struct config *open_text(const char *text, struct settings *settings, struct err *err)
{
	return open_file(write_file("t.conf", text), NULL, 0, settings, err);
}

/* The text must be read. */
static struct config *must_open(const char *text, struct settings *settings)
{
	struct err err;
	struct config *config = open_text(text, settings, &err);

	if (config == NULL)
		fail_msg("%s", err.text);
	return config;
}

/* Error messages begin with the file's directory, which differs each time: compared from there on. */
static void assert_error(const struct err *err, const char *expected)
{
	const char *line = strstr(err->text, expected);

	if (line == NULL)
		fail_msg("expected: %s\ngot: %s", expected, err->text);
}

static void must_fail(const char *text, const char *expected)
{
	struct settings settings;
	struct err err;
	struct config *config = open_text(text, &settings, &err);

	if (config != NULL)
		fail_msg("was accepted: %s", text);
	assert_error(&err, expected);
}

static char *printed(const struct config *config)
{
	char *text = NULL;
	size_t octets;
	FILE *out = open_memstream(&text, &octets);

	config_print(config, out);
	fclose(out);
	return text;
}

static void test_defaults(void **state)
{
	struct settings s;
	struct err err;
	struct config *config = open_file(NULL, NULL, 0, &s, &err);
	const struct list *lists;
	const struct net *networks;
	char text[NET_TEXT_MAX];

	(void)state;
	assert_non_null(config);
	assert_int_equal(s.mode, 0);
	assert_int_equal(s.threads, 4);
	assert_int_equal(s.socket_mode, 0660);
	assert_int_equal(s.reject_milli, 10000);
	assert_int_equal(s.defer_milli, CONFIG_OFF);
	assert_string_equal(s.title, "");
	assert_int_equal(s.senders.n, 2);
	assert_string_equal(((const char **)s.senders.items)[1], "abuse");
	networks = s.networks.items;
	assert_int_equal(s.networks.n, 2);
	assert_string_equal(net_format(&networks[0], text), "127.0.0.0/8");
	lists = s.lists.items;
	assert_int_equal(s.lists.n, 1);
	assert_int_equal(lists[0].weight_milli, 2500);
	assert_int_equal(lists[0].codes.n, 1);
	assert_int_equal(((const struct code *)lists[0].codes.items)[0].points_milli, 1000);
	config_close(&config);
	assert_null(config);
	config_close(&config);
}

static void test_file(void **state)
{
	struct settings s;
	struct config *config = must_open(
	    "\xef\xbb\xbf# comment\nmode = \"monitor\"; log: { debug = true };\nthreads = 0x10; level = -5L\n"
	    "title = \"a \" \"\\\"b\\\"\\x41\"; socket = { mode = \"600\"; password = \"p\"; };\n"
	    "policy: { reject = 8; defer = 2.25; };\n"
	    "dnsbl: { senders = (); networks = [ \"2001:db8::/32\" ];\n"
	    "lists = ( { name = \"a\"; zone = \"a.example\"; },\n"
	    "{ name = \"b\"; weight = 1.5; is: { allow = true; }; codes = ({ code = \"127.0.0.3\"; points = -0.5; }) }"
	    " ); };\n# the end",
	    &s);
	const struct list *lists = s.lists.items;

	(void)state;
	assert_int_equal(s.mode, 1);
	assert_true(s.debug);
	assert_int_equal(s.threads, 16);
	assert_int_equal(s.level, -5);
	assert_string_equal(s.title, "a \"b\"A");
	assert_int_equal(s.socket_mode, 0600);
	assert_int_equal(s.reject_milli, 8000);
	assert_int_equal(s.defer_milli, 2250);
	assert_int_equal(s.senders.n, 0);
	assert_int_equal(s.networks.n, 1);
	assert_int_equal(s.lists.n, 2);
	assert_string_equal(lists[1].name, "b");
	assert_true(lists[1].allow);
	assert_false(lists[0].allow);
	assert_int_equal(((const struct code *)lists[1].codes.items)[0].points_milli, -500);
	config_close(&config);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "\npolicy: { rejct = 1.0; };",
		  "t.conf:2: policy.rejct: unknown option; the nearest known one is policy.reject" },
		{ "reject = 1;", "t.conf:1: reject: unknown option; there is policy.reject" },
		{ "polcy: { reject = 1; };", "t.conf:1: polcy: unknown group; the nearest known one is policy" },
		{ "xyzzyx = 1;", "xyzzyx: unknown option; known here: mode, log, policy, threads" },
		{ "policy = 3;", "t.conf:1: policy: is a group: it must be { ... }" },
		{ "policy: { reject = \"five\"; };",
		  "t.conf:1: policy.reject = \"five\": must be a decimal number between -100.0 and 100.0" },
		{ "policy: { reject = 100.001; };", "policy.reject = 100.001: must be a decimal" },
		{ "policy: { reject = 0.0005; };", "policy.reject = 0.0005: must be a decimal number between -100.0 "
		                                   "and 100.0 with at most three decimals" },
		{ "policy: { reject = 1e300; };", "policy.reject = 1e300: must be" },
		{ "policy: {\nreject = nan;\n};", "t.conf:2: syntax error near policy.reject" },
		{ "policy: { defer = \"of\"; };",
		  "policy.defer = \"of\": must be a decimal number between -2147483.647 and 2147483.647 with at most "
		  "three decimals, or \"off\"" },
		{ "policy: { reject = \"off\"; };", "policy.reject = \"off\": must be" },
		{ "threads = 65;", "t.conf:1: threads = 65: must be a whole number between 1 and 64" },
		{ "threads = 0x100000004;", "threads = 0x100000004: must be a whole number" },
		{ "level = 4294967297;",
		  "level = 4294967297: must be a whole number between -2147483648 and 2147483647" },
		{ "level = 99999999999999999999L;", "level = 99999999999999999999L: must be" },
		{ "threads = 2.0;", "threads = 2.0: must be a whole number" },
		{ "threads = true;", "threads = true: must be a whole number" },
		{ "log: { debug = 1; };", "log.debug = 1: must be true or false" },
		{ "mode = \"monitr\";", "mode = \"monitr\": must be one of \"enforce\", \"monitor\"" },
		{ "socket: { mode = 0660; };",
		  "socket.mode = 0660: must be three or four octal digits in quotes, such as \"0660\"" },
		{ "socket: { mode = \"0680\"; };", "socket.mode = \"0680\": must be three or four octal" },
		{ "title = \"123456789012345678901\";",
		  "title = \"123456789012345678901\": must be a string in double quotes of 0 to 20 octets" },
		{ "title = 5;", "title = 5: must be a string" },
		{ "title = \"a\\x00b\";", "t.conf:1: a string cannot contain the octet \\x00" },
		{ "dnsbl: { senders = \"a\"; };",
		  "dnsbl.senders = \"a\": must be a list of strings: [ \"a\", \"b\" ] with 0 to 3 elements" },
		{ "dnsbl: { senders = [ \"a\", \"b\", \"c\", \"d\" ]; };",
		  "dnsbl.senders = [ 4 elements ]: must be a list of strings" },
		{ "dnsbl: { senders = ( \"a\",\n 5 ); };", "t.conf:2: dnsbl.senders[1] = 5: must be a string" },
		{ "dnsbl: { senders = [ \"a\", 5 ]; };",
		  "t.conf:1: mismatched element type in array near dnsbl.senders[1]" },
		{ "dnsbl: { networks = [ \"192.0.2.5/24\" ]; };",
		  "dnsbl.networks[0] = \"192.0.2.5/24\": must be an IP address or a network, such as "
		  "\"192.0.2.0/24\" or \"2001:db8::/32\"; here host bits are set: the network would be "
		  "\"192.0.2.0/24\"" },
		{ "dnsbl: { networks = [ \"2001:db8::1/33\" ]; };", "the network would be \"2001:db8::/33\"" },
		{ "dnsbl: { networks = [ \"192.0.2.0/33\" ]; };", "\"192.0.2.0/33\": must be an IP address" },
		{ "dnsbl: { lists = ( 5 ); };", "dnsbl.lists[0] = 5: must be a group" },
		{ "dnsbl: { lists = {}; };", "dnsbl.lists = { a group }: must be a list of groups" },
		{ "dnsbl: { lists = (\n{ name = \"a\"; },\n{ zone = \"a\"; } ); };",
		  "t.conf:3: dnsbl.lists[1].name: is missing; it must be a string in double quotes of 1 to 32 octets" },
		{ "dnsbl: { lists = ( { name = \"a\"; codes = (\n{ code = \"127.0.0.2\";\n points = \"five\"; } ); } "
		  "); };",
		  "t.conf:3: dnsbl.lists[0].codes[0].points = \"five\": must be a decimal number between -100.0 and "
		  "100.0" },
		{ "threads = 1;\nlevel = 2;\nthreads = 3;",
		  "t.conf:3: duplicate setting name: threads: an option or group may stand only once" },
		{ "dnsbl: { lists = ( { name = \"a\"; }, { name = \"b\";\nname = \"c\"; } ); };",
		  "t.conf:2: duplicate setting name: dnsbl.lists[1].name" },
		{ "threads = 1\n\nmode = monitor;\n", "t.conf:3: syntax error near mode: look there" },
		{ "mode = \"monitor;\n\nlevel = 5;\n", "t.conf:1: the string that begins here has no closing quote" },
		{ "level = 5;\n/* x\n", "t.conf:2: the comment that begins here has no end" },
		{ "@include \"missing.conf\"\n", "t.conf:1: cannot read the included configuration file " },
		{ "@include \".\"\n", "it is a directory" },
		{ "\n@include \"t.conf\"\n",
		  "t.conf:2: @include goes deeper than 10 files; does this file include itself?" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		must_fail(cases[i].text, cases[i].expected);
}

static void test_all_mistakes_in_the_files_order(void **state)
{
	struct settings s;
	struct err err;
	const char *one, *two, *three;

	(void)state;
	assert_null(open_text("dnsbl: { lists = ( { nme = \"x\"; } ); };\nlevel = \"a\";\nmode = 7;\n", &s, &err));
	one = strstr(err.text,
	             "t.conf:1: dnsbl.lists[0].nme: unknown option; the nearest known one is dnsbl.lists[0].name\n");
	two = strstr(err.text, "t.conf:2: level = \"a\"");
	three = strstr(err.text, "t.conf:3: mode = 7");
	assert_non_null(one);
	assert_true(one < two && two < three);
	assert_non_null(strstr(err.text, "t.conf:1: dnsbl.lists[0].name: is missing"));
}

static void test_more_mistakes_than_room(void **state)
{
	char text[4000] = "";
	struct settings s;
	struct err err;

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "unknown%d = 1;\n", i);
	assert_null(open_text(text, &s, &err));
	assert_non_null(strstr(err.text, "t.conf:1: unknown0"));
	assert_non_null(strstr(err.text, " more"));
	assert_true(strlen(err.text) < ERR_TEXT_MAX);
}

static void test_secrets_are_never_shown(void **state)
{
	static const char *const texts[] = {
		"socket: { password = [ \"swordfish\" ]; };",
		"socket: { password = \"swordfish-swordfish-swordfish-swordfish-swordfish-swordfish-swordfish-\"; };",
		"socket: { passwort = \"swordfish\"; };",
		"dnsbl: { lists = ( { key = \"swordfish\"; zone = \"swordfish.dq.spamhaus.net\"; } ); };",
		"dnsbl: { lists = ( { name = 5; nonsense = \"swordfish\"; } ); };",
		"socket: { password = \"swordfish\"; password = \"swordfish\"; };",
		"socket: { password = \"swordfish\" \"x\" = };",
	};
	static const char *const overrides[] = { "socket.password=swordfish(", "socket.password=[\"swordfish\"]",
		                                 "pasword=swordfish" };
	struct settings s;
	struct err err;
	struct config *config;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_null(open_text(texts[i], &s, &err));
		assert_null(strstr(err.text, "swordfish"));
	}
	for (size_t i = 0; i < COUNT(overrides); i++) {
		assert_null(open_file(NULL, &overrides[i], 1, &s, &err));
		assert_null(strstr(err.text, "swordfish"));
	}
	config = must_open(
	    "socket: { password = \"swordfish\"; };\n"
	    "dnsbl: { lists = ( { name = \"n\"; key = \"swordfish\"; zone = \"swordfish.zen.dq.spamhaus.net\"; } ); };",
	    &s);
	assert_string_equal(s.password, "swordfish");
	assert_int_equal(config_fault(config, &s.password, &err, "is too short"), -1);
	assert_non_null(strstr(err.text, "t.conf:1: socket.password = (hidden): is too short"));
	config_fault(config, &((struct list *)s.lists.items)[0].zone, &err, "is unknown");
	assert_non_null(strstr(err.text, "dnsbl.lists[0].zone = \"***.zen.dq.spamhaus.net\": is unknown"));
	text = printed(config);
	assert_null(strstr(text, "swordfish"));
	assert_non_null(strstr(text, "\t# password = \"(hidden)\"; # "));
	assert_non_null(strstr(text, "zone = \"***.zen.dq.spamhaus.net\"; # "));
	assert_non_null(strstr(text, "; its access key is masked\n"));
	free(text);
	config_close(&config);
}

static void test_include(void **state)
{
	struct settings s;
	struct err err;
	struct config *config;
	const char *main_file;

	(void)state;
	assert_int_equal(mkdir(file_named("inc"), 0700), 0);
	write_file("inc/a.conf", "level = 7;\n\t@include \"b.conf\"\n");
	write_file("inc/b.conf", "\n\nthreads = 5; title = \"/* @include\n@include \\\"nothing\\\" \";");
	main_file = write_file(
	    "m.conf",
	    "# x\n@include \"inc/a.conf\" log: { debug = true };\n/*\n@include \"no\"\n*/\npolicy: { reject = 1; }");
	config = open_file(main_file, NULL, 0, &s, &err);
	assert_null(config);
	assert_error(&err, "/inc/b.conf:3: title = \"/* @include\\x0a@include \\x22nothing\\x22 \": must be a string");
	write_file("inc/b.conf", "\n\nthreads = 5; title = \"x\n@include \\\"n\\\"\";\n");
	config = open_file(main_file, NULL, 0, &s, &err);
	if (config == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(s.level, 7);
	assert_int_equal(s.threads, 5);
	assert_string_equal(s.title, "x\n@include \"n\"");
	assert_true(s.debug);
	config_fault(config, &s.level, &err, "!");
	assert_error(&err, "/inc/a.conf:1: level = 7: !");
	config_fault(config, &s.threads, &err, "!");
	assert_error(&err, "/inc/b.conf:3: threads = 5: !");
	config_fault(config, &s.debug, &err, "!");
	assert_error(&err, "/m.conf:2: log.debug = true: !");
	config_fault(config, &s.reject_milli, &err, "!");
	assert_error(&err, "/m.conf:6: policy.reject = 1: !");
	config_close(&config);
	write_file("inc/b.conf", "\n\nthreads = = 5;\n");
	assert_null(open_file(main_file, NULL, 0, &s, &err));
	assert_error(&err, "/inc/b.conf:3: syntax error near threads");
}

static void test_overrides(void **state)
{
	static const char *const good[] = {
		"policy.reject=1.0",
		" policy.reject = 8.0 ",
		"mode=monitor",
		"socket.mode=0600",
		"title=5",
		"log.debug=true",
		"threads=0x8",
		"dnsbl.lists=({ name = \"o\"; })",
		"dnsbl.networks=[\"192.0.2.0/24\"]",
		"policy={ defer = 3.5; }",
		"dnsbl.senders=[]",
	};
	static const struct {
		const char *override, *expected;
	} bad[] = {
		{ "policy.reject=x", "-o policy.reject=\"x\": must be a decimal number" },
		{ "policy.reject=1e300", "-o policy.reject=1e300: must be" },
		{ "policy.rejct=5", "-o policy.rejct: unknown option; the nearest known one is policy.reject" },
		{ "polcy.reject=5", "-o polcy.reject: polcy: unknown group; the nearest known one is policy" },
		{ "policy.reject", "-o policy.reject: must be OPTION=VALUE" },
		{ "=5", "-o : must be OPTION=VALUE" },
		{ "dnsbl.lists[0].name=x", "-o dnsbl.lists[0].name: must be OPTION=VALUE" },
		{ "dnsbl.lists.name=x", "-o dnsbl.lists.name: dnsbl.lists = { a group }: must be a list of groups" },
		{ "policy..reject=5", "must be OPTION=VALUE" },
		{ "threads=5; level=6",
		  "-o threads: the value is neither libconfig syntax nor a plain word (there is more than one value)" },
		{ "threads=\"", "-o threads: the value is neither libconfig syntax nor a plain word" },
		{ "threads=\n@include \"/etc/passwd\"", "-o threads: the value is neither" },
		{ "threads=", "-o threads=\"\": must be a whole number" },
		{ "dnsbl.lists=({ name = \"a\"; weight = \"x\"; })",
		  "-o dnsbl.lists: dnsbl.lists[0].weight = \"x\": must be" },
	};
	const char *file = write_file("t.conf", "policy: { reject = \"wrong\"; defer = 1; };");
	struct settings s;
	struct err err;
	struct config *config = open_file(file, good, COUNT(good), &s, &err);
	char *text;

	(void)state;
	if (config == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(s.reject_milli, 8000);
	assert_int_equal(s.defer_milli, 3500);
	assert_int_equal(s.mode, 1);
	assert_int_equal(s.socket_mode, 0600);
	assert_string_equal(s.title, "5");
	assert_true(s.debug);
	assert_int_equal(s.threads, 8);
	assert_int_equal(s.senders.n, 0);
	assert_int_equal(s.networks.n, 1);
	assert_string_equal(((const struct list *)s.lists.items)[0].name, "o");
	config_fault(config, &s.reject_milli, &err, "too low");
	assert_string_equal(err.text, "-o policy.reject=8.0: too low");
	text = printed(config);
	assert_non_null(strstr(text, "reject = 8.0; # -o\n"));
	free(text);
	config_close(&config);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (open_file(NULL, &bad[i].override, 1, &s, &err) != NULL)
			fail_msg("was accepted: %s", bad[i].override);
		assert_error(&err, bad[i].expected);
	}
}

static void test_fault_and_warn_name_the_place(void **state)
{
	struct settings s;
	struct config *config = must_open("level = 3;\ndnsbl: {\nlists = (\n{ name = \"a\"; },\n{ name = \"b\"; codes "
	                                  "= ( { code = \"127.0.0.2\"; } ) } );\n"
	                                  "senders = [ \"x\",\n\"y\"\n];\n};",
	                                  &s);
	const struct list *lists = s.lists.items;
	struct err err;

	(void)state;
	config_fault(config, &s.level, &err, "%s", "no");
	assert_error(&err, "t.conf:1: level = 3: no");
	config_fault(config, &s.threads, &err, "no");
	assert_string_equal(err.text, "default of threads = 4: no");
	config_fault(config, &s.senders, &err, "no");
	assert_error(&err, "t.conf:6: dnsbl.senders = [ 2 elements ]: no");
	config_fault(config, &((const char **)s.senders.items)[1], &err, "no");
	assert_error(&err, "t.conf:7: dnsbl.senders[1] = \"y\": no");
	config_fault(config, &((const struct net *)s.networks.items)[1], &err, "no");
	assert_string_equal(err.text, "default of dnsbl.networks[1]: no");
	config_fault(config, &lists[1].weight_milli, &err, "no");
	assert_error(&err, "t.conf:5: default of dnsbl.lists[1].weight = 2.5: no");
	/* An element begins where its first option lies: that names it. */
	config_fault(config, &lists[1], &err, "no");
	assert_error(&err, "t.conf:5: dnsbl.lists[1].name = \"b\": no");
	config_fault(config, &err, &err, "nowhere");
	assert_string_equal(err.text, "nowhere");
	config_close(&config);
}

static void count_warning(void *context, const char *warning)
{
	char *all = context;

	strncat(all, warning, 500);
	strncat(all, "\n", 2);
}

static void test_warnings(void **state)
{
	struct settings s;
	struct err err;
	struct config *config = open_file(NULL, NULL, 0, &s, &err);
	char all[2000] = "";

	(void)state;
	config_warn(config, &s.reject_milli, "cannot be reached: %d", 5);
	config_warn(config, &s.level, "second");
	config_each_warning(config, count_warning, all);
	assert_string_equal(all,
	                    "default of policy.reject = 10.0: cannot be reached: 5\ndefault of level = 0: second\n");
	config_close(&config);
}

/* Origins stand in the comments behind the values: the rest must be the same. */
static void cut_origins(char *text)
{
	char *to = text;
	const char *from = text;

	while (*from != '\0') {
		size_t length = strcspn(from, "\n");
		const char *comment = strstr(from, " # ");
		size_t kept = comment != NULL && comment < from + length ? (size_t)(comment - from) : length;

		memmove(to, from, kept);
		to += kept;
		*to++ = '\n';
		from += length + (from[length] == '\n');
	}
	*to = '\0';
}

static void test_print_can_be_read_again(void **state)
{
	struct settings s, again;
	struct config *config = must_open(
	    "title = \"\\\"\\\\\\n\\x01 \xc3\xa4 # ;\"; level = -2147483647; policy: { reject = -1.25; };\n"
	    "dnsbl: { lists = ( { name = \"a\"; zone = \"k.zen.dq.spamhaus.net\"; codes = ({code=\"127.0.0.2\";},"
	    "{code=\"127.0.0.3\"; points = 0.001;}); }, { name = \"b\"; } ); };",
	    &s);
	char *first = printed(config), *second;
	struct config *copy = must_open(first, &again);

	(void)state;
	assert_non_null(strstr(first, "# Every option"));
	assert_non_null(strstr(first, "# How many threads.\nthreads = 4; # default\n"));
	assert_non_null(strstr(first, "\t# Reject.\n\treject = -1.25; # "));
	assert_non_null(strstr(first, "t.conf:1\n"));
	second = printed(copy);
	cut_origins(first);
	cut_origins(second);
	assert_string_equal(first, second);
	assert_string_equal(again.title, s.title);
	assert_int_equal(again.lists.n, 2);
	free(first);
	free(second);
	config_close(&config);
	config_close(&copy);
}

static uint16_t digest_of(const char *text)
{
	struct settings s;
	struct config *config = must_open(text, &s);
	uint16_t digest = config_digest(config);

	config_close(&config);
	return digest;
}

static void test_digest(void **state)
{
	uint16_t digest = digest_of("");

	(void)state;
	assert_int_equal(digest, digest_of("# nothing\n\n"));
	assert_int_equal(digest, digest_of("policy: {\n reject = 10; };\nthreads = 0x4;"));
	assert_int_not_equal(digest, digest_of("policy: { reject = 10.001; };"));
	assert_int_not_equal(digest_of("socket: { password = \"a\"; };"), digest_of("socket: { password = \"b\"; };"));
	assert_int_not_equal(digest_of("dnsbl: { lists = ({ name=\"n\"; zone=\"a.zen.dq.spamhaus.net\"; }); };"),
	                     digest_of("dnsbl: { lists = ({ name=\"n\"; zone=\"b.zen.dq.spamhaus.net\"; }); };"));
}

static void test_unreadable_files(void **state)
{
	struct settings s;
	struct err err;
	struct config *config;
	char *huge = malloc(2000000);

	(void)state;
	assert_non_null(huge);
	assert_null(open_file(file_named("absent.conf"), NULL, 0, &s, &err));
	assert_error(&err, "cannot read the configuration file ");
	assert_error(&err, "absent.conf: No such file or directory");
	assert_null(open_file(directory, NULL, 0, &s, &err));
	assert_error(&err, ": it is a directory");
	assert_null(open_file("/dev/zero", NULL, 0, &s, &err));
	assert_error(&err, "/dev/zero: it is not a regular file");
	config = open_file("/dev/null", NULL, 0, &s, &err);
	assert_non_null(config);
	config_close(&config);
	assert_int_equal(mkfifo(file_named("pipe"), 0600), 0);
	assert_null(open_file(file_named("pipe"), NULL, 0, &s, &err));
	assert_error(&err, "it is not a regular file");
	write_octets("t.conf", "level = 5;\0", 11);
	assert_null(open_file(file_named("t.conf"), NULL, 0, &s, &err));
	assert_error(&err, "contains NUL octets and is no text file");
	memset(huge, ' ', 2000000);
	assert_null(open_file(write_octets("t.conf", huge, 2000000), NULL, 0, &s, &err));
	assert_error(&err, "it is too large; all files together may have 1 MiB");
	memset(huge, '(', 500000);
	memcpy(huge, "a = ", 4);
	assert_null(open_file(write_octets("t.conf", huge, 500000), NULL, 0, &s, &err));
	assert_error(&err, "t.conf:1: brackets are nested deeper than 32 levels");
	for (size_t i = 0; i < 500000; i++)
		huge[i] = "a = 1;\n "[i % 8];
	assert_null(open_file(write_octets("t.conf", huge, 500000), NULL, 0, &s, &err));
	assert_error(&err, "there are more than 20000 options");
	free(huge);
	if (geteuid() != 0) {
		write_file("t.conf", "level = 5;");
		assert_int_equal(chmod(file_named("t.conf"), 0), 0);
		assert_null(open_file(file_named("t.conf"), NULL, 0, &s, &err));
		assert_error(&err, "Permission denied");
		unlink(file_named("t.conf"));
	}
}

/* Damaged files: whatever they do, there is a configuration or an error, and the text and libconfig agree on its
 * literals. */
static void test_damaged_files(void **state)
{
	static const char base[] =
	    "mode = \"monitor\"; threads = 0x10; level = -5L\ntitle = \"a\" \"\\x41\"; // c\nsocket = { mode = "
	    "\"600\"; };\n"
	    "policy: { reject = 8.5e-1; defer = .25; }; /* c */\ndnsbl: { senders = ( \"1\", \"a\" ); lists = ( { name "
	    "= \"a\"; },"
	    "{ name = \"b\"; weight = 1.; is: { allow = TRUE; }; codes = ({ code = \"127.0.0.3\"; }) } ); };\n";
	static const char octets[] = "\"\"()[]{}=:;,.-+e0123xLt \n#/*\\@a";
	char text[sizeof(base)];
	struct settings s;
	struct err err;
	struct config *config;
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		memcpy(text, base, sizeof(base));
		for (int i = 0; i <= round % 4; i++) {
			random = random * 1664525 + 1013904223;
			text[(random >> 8) % (sizeof(base) - 1)] = octets[(random >> 3) % (sizeof(octets) - 1)];
		}
		config = open_text(text, &s, &err);
		assert_true(config != NULL || err.text[0] != '\0');
		if (strstr(err.text, "otherwise") != NULL)
			fail_msg("%s\n%s", err.text, text);
		config_close(&config);
	}
}

static void test_required_options(void **state)
{
	struct settings s;
	const struct config_section sections[] = { { "x", NULL, required_rows, COUNT(required_rows), &s } };
	const char *override = "x.level=3";
	struct err err;
	struct config *config;

	(void)state;
	assert_null(config_open(NULL, NULL, 0, sections, 1, &err));
	assert_error(&err, "x.level: is missing; it must be a whole number between 1 and 9");
	assert_null(config_open(write_file("t.conf", ""), NULL, 0, sections, 1, &err));
	assert_error(&err, "t.conf: x.level: is missing");
	config = config_open(NULL, &override, 1, sections, 1, &err);
	assert_non_null(config);
	assert_int_equal(s.level, 3);
	config_close(&config);
}

/* A default that its own row refuses is a mistake in the program: it must not get as far as a user. */
static void test_wrong_default_ends_the_process(void **state)
{
	static const char *const fallbacks[] = { "0", "\"x\"", "5 5", "1; b = 2", "" };
	int status;

	(void)state;
	for (size_t i = 0; i < COUNT(fallbacks); i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			const struct config_row row = {
				.name = "level", .type = CONFIG_INT, .min = 1, .max = 9, .fallback = fallbacks[i]
			};
			struct settings s;
			const struct config_section section = { "", NULL, &row, 1, &s };

			if (freopen("/dev/null", "w", stderr) == NULL || signal(SIGABRT, SIG_DFL) == SIG_ERR)
				_exit(2);
			config_open(NULL, NULL, 0, &section, 1, NULL);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *literal;
		enum number_status status;
		int milli;
	} cases[] = {
		{ "0", NUMBER_OK, 0 },
		{ "2.5", NUMBER_OK, 2500 },
		{ "+.125", NUMBER_OK, 125 },
		{ "-0.001", NUMBER_OK, -1 },
		{ "8.", NUMBER_OK, 8000 },
		{ "25e-1", NUMBER_OK, 2500 },
		{ "1.5e2", NUMBER_OK, 150000 },
		{ "0x10", NUMBER_OK, 16000 },
		{ "5L", NUMBER_OK, 5000 },
		{ "0.1000", NUMBER_OK, 100 },
		{ "0e99999999999", NUMBER_OK, 0 },
		{ "00.300000000000000000000", NUMBER_OK, 300 },
		{ "2147483.647", NUMBER_OK, INT_MAX },
		{ "2147483.648", NUMBER_TOO_LARGE, 0 },
		{ "1e300", NUMBER_TOO_LARGE, 0 },
		{ "-1e99999999999", NUMBER_TOO_LARGE, 0 },
		{ "2147484", NUMBER_TOO_LARGE, 0 },
		{ "99999999999999999999999", NUMBER_TOO_LARGE, 0 },
		{ "99999999999999999999999.5", NUMBER_TOO_LARGE, 0 },
		{ "0.0005", NUMBER_TOO_FINE, 0 },
		{ "2.5000000000000000001", NUMBER_TOO_FINE, 0 },
		{ "1e-300", NUMBER_TOO_FINE, 0 },
		{ ".", NUMBER_NOT_ONE, 0 },
		{ "", NUMBER_NOT_ONE, 0 },
		{ "nan", NUMBER_NOT_ONE, 0 },
		{ "inf", NUMBER_NOT_ONE, 0 },
		{ "1.5L", NUMBER_NOT_ONE, 0 },
	};
	int value;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		value = 0;
		if (number_read_milli(cases[i].literal, &value) != cases[i].status || value != cases[i].milli)
			fail_msg("%s: %d", cases[i].literal, value);
	}
	assert_int_equal(number_read_int("-2147483648", &value), NUMBER_OK);
	assert_int_equal(value, INT_MIN);
	assert_int_equal(number_read_int("2147483648", &value), NUMBER_TOO_LARGE);
	assert_int_equal(number_read_int("0xFFFFFFFF", &value), NUMBER_TOO_LARGE);
	assert_int_equal(number_read_int("2.0", &value), NUMBER_NOT_ONE);
}

static const char *nth_known(const void *context, size_t i)
{
	return ((const char *const *)context)[i];
}

static void test_nearest(void **state)
{
	static const char *const known[] = { "rdns.none", "rdns.unconfirmed", "dnsbl.zen.sbl", "tag", NULL };

	(void)state;
	assert_string_equal(nearest_name("rdns.nnoe", nth_known, known), "rdns.none");
	assert_string_equal(nearest_name("RDNS.NONE", nth_known, known), "rdns.none");
	assert_string_equal(nearest_name("dnsbl.sbl", nth_known, known) != NULL ? "some" : "none", "none");
	assert_string_equal(nearest_name("tga", nth_known, known), "tag");
	assert_null(nearest_name("xyz", nth_known, known));
	assert_null(nearest_name("", nth_known, known));
}

static void test_mask_zone(void **state)
{
	static const struct {
		const char *zone, *masked;
	} cases[] = {
		{ "zen.spamhaus.org", "zen.spamhaus.org" },
		{ "abc123.zen.dq.spamhaus.net", "***.zen.dq.spamhaus.net" },
		{ "abc123.ZEN.DQ.Spamhaus.Net.", "***.ZEN.DQ.Spamhaus.Net." },
		{ "2.0.0.127.abc123.zen.dq.spamhaus.net", "2.0.0.127.***.zen.dq.spamhaus.net" },
		{ "abc123.dq.spamhaus.net", "***.dq.spamhaus.net" },
		{ "abcdefghij0123456789.example.org", "***.example.org" },
		{ "a-name-that-is-merely-long.example.org", "a-name-that-is-merely-long.example.org" },
		{ "***.zen.dq.spamhaus.net", "***.zen.dq.spamhaus.net" },
		{ "", "" },
		{ ".", "." },
		{ "a..b", "a..b" },
	};
	char text[100];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(config_mask_zone(cases[i].zone, text, sizeof(text)), cases[i].masked);
	assert_string_equal(config_mask_zone("zone.example.org", text, 6), "zone.");
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = { "t.conf", "m.conf", "inc/a.conf", "inc/b.conf", "pipe" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(file_named(names[i]));
	rmdir(file_named("inc"));
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_mistakes_in_the_files_order),
		cmocka_unit_test(test_more_mistakes_than_room),
		cmocka_unit_test(test_secrets_are_never_shown),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_fault_and_warn_name_the_place),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_print_can_be_read_again),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_unreadable_files),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_required_options),
		cmocka_unit_test(test_wrong_default_ends_the_process),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_mask_zone),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
