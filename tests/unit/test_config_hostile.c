/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are none, too large, damaged; and tables that contradict themselves. */
#include <signal.h>
#include <sys/wait.h>

#include "config_fixture.h"

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
	memcpy(huge, "a = ", 4); /* NOLINT(bugprone-not-null-terminated-result): octets of a file, no string */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreadable_files),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_wrong_default_ends_the_process),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
