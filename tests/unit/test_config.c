/* SPDX-License-Identifier: BSD-2-Clause */
/* What an administrator relies on when a configuration is read: right values, every mistake named with its place. */
#include "config_fixture.h"

#include "config/nearest.h"

static const struct config_row required_rows[] = {
	{ "level", CONFIG_INT, offsetof(struct settings, level), 1, 9, NULL, NULL, NULL, false, "Must be given." },
};

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
	config_warn(config, &s.threads, "not \"%s\" \\x07", "a\a\n\x1b\xc3\xa9\x7f");
	config_each_warning(config, count_warning, all);
	assert_string_equal(all, "default of policy.reject = 10.0: cannot be reached: 5\ndefault of level = 0: second\n"
	                         "default of threads = 4: not \"a\\x07\\x0a\\x1b\\xc3\\xa9\\x7f\" \\x07\n");
	config_close(&config);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_mistakes_in_the_files_order),
		cmocka_unit_test(test_more_mistakes_than_room),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_fault_and_warn_name_the_place),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_required_options),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
