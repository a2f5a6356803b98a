/* SPDX-License-Identifier: BSD-2-Clause */
/* What is shown of a configuration: all of it, so that it can be read again; its digest; and never a secret. */
#include "config_fixture.h"

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

struct secrets {
	const void *values[8];
	const char *files[8];
	size_t n;
};

static int note_secret(void *context, const void *value, const char *file)
{
	struct secrets *secrets = context;

	assert_true(secrets->n < COUNT(secrets->values));
	secrets->values[secrets->n] = value;
	secrets->files[secrets->n++] = file;
	return secrets->n == 3 ? 7 : 0;
}

static void test_each_secret(void **state)
{
	static const char *const override[] = { "socket.password=swordfish" };
	struct secrets secrets = { .n = 0 };
	struct settings s;
	struct err err;
	struct config *config = must_open("socket: { password = \"\"; }; dnsbl: { lists = ( { name = \"n\"; zone = "
	                                  "\"bl.example.org\"; }, { name = \"m\"; key = \"\"; } ); };",
	                                  &s);

	(void)state;
	assert_int_equal(config_each_secret(config, note_secret, &secrets), 0);
	assert_int_equal(secrets.n, 0);
	config_close(&config);
	config = must_open(
		"socket: { password = \"a\"; }; dnsbl: { lists = ( { name = \"n\"; zone = "
		"\"swordfish.zen.dq.spamhaus.net\"; }, { name = \"m\"; key = \"b\"; }, { name = \"o\"; key = "
		"\"c\"; } ); };",
		&s);
	/* The visitor's result ends it. */
	assert_int_equal(config_each_secret(config, note_secret, &secrets), 7);
	assert_int_equal(secrets.n, 3);
	for (size_t i = 0; i < secrets.n; i++)
		assert_non_null(strstr(secrets.files[i], "t.conf"));
	config_close(&config);
	secrets.n = 0;
	config = open_file(NULL, override, 1, &s, &err);
	assert_int_equal(config_each_secret(config, note_secret, &secrets), 0);
	assert_int_equal(secrets.n, 1);
	assert_ptr_equal(secrets.values[0], &s.password);
	assert_null(secrets.files[0]);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_are_never_shown),
		cmocka_unit_test(test_each_secret),
		cmocka_unit_test(test_print_can_be_read_again),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_mask_zone),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
