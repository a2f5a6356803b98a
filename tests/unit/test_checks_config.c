/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks' configuration: what an administrator can get wrong, and what is made of a list.
 */
#include "check_rig.h"

#define X              CODE("127.0.0.2", "x", "1.0")
#define A(rest, codes) LISTS(LIST("name = \"a\"; " rest, codes))
#define BL             "zone = \"bl.example.org\";"

static void test_faults(void **unused)
{
	static const struct {
		const char *override, *where, *what;
	} faults[] = {
		{ LISTS(BLOCK "," BLOCK), "dnsbl.lists[1].name", "lists[0]" },
		{ LISTS(LIST("name = \"Zen\"; zone = \"bl.example.org\";", BLOCK_CODES)), "dnsbl.lists[0].name",
		  "a-z" },
		{ LISTS(LIST("name = \"a.b\"; zone = \"bl.example.org\";", BLOCK_CODES)), "dnsbl.lists[0].name",
		  "a-z" },
		{ A("zone = \"bl example org\";", BLOCK_CODES), "dnsbl.lists[0].zone", "domain name" },
		{ A("zone = \"bl..org\";", BLOCK_CODES), "dnsbl.lists[0].zone", "domain name" },
		{ A("zone = \"{kee}.bl.example.org\";", BLOCK_CODES), "dnsbl.lists[0].zone", "domain name" },
		{ A("zone = \"192.0.2.1\";", BLOCK_CODES), "dnsbl.lists[0].zone", "domain name" },
		{ A("zone = \"{key}.bl.example.org\";", BLOCK_CODES), "dnsbl.lists[0].zone", "key" },
		{ A("zone = \"{key}.bl.example.org\"; key = \"s3.cret\";", BLOCK_CODES), "dnsbl.lists[0].key",
		  "letters" },
		{ A("zone = \"{key}.bl.example.org\"; key = \"s3 cret\";", BLOCK_CODES), "dnsbl.lists[0].zone",
		  "domain name" },
		{ A(BL " over = [ \"client\", \"from\" ];", BLOCK_CODES), "dnsbl.lists[0].over[1]",
		  "\"client\", \"helo\"" },
		{ A(BL " over = [ ];", BLOCK_CODES), "dnsbl.lists[0].over", "" },
		{ A(BL, ""), "dnsbl.lists[0].codes", "" },
		{ A(BL, CODE("127.0.0", "x", "1.0")), "dnsbl.lists[0].codes[0].code", "must be such as" },
		{ A(BL, BLOCK_CODES "," CODE("192.0.2.1", "x", "1.0")), "dnsbl.lists[0].codes[3].code", "127.0.0.0/8" },
		{ A(BL, CODE("127.255.255.254", "x", "1.0")), "dnsbl.lists[0].codes[0].code", "127.255.255.0/24" },
		{ A(BL, CODE("127.0.0.2", "unsure", "1.0")), "dnsbl.lists[0].codes[0].name", "unsure" },
		{ A(BL, CODE("127.0.0.2", "X Y", "1.0")), "dnsbl.lists[0].codes[0].name", "a-z" },
		{ A(BL, CODE("127.0.0.2", "x", "-1.0")), "dnsbl.lists[0].codes[0].points", "0.0 or more" },
		{ A("kind = \"allow\"; zone = \"bl.example.org\";", X), "dnsbl.lists[0].codes[0].points",
		  "0.0 or less" },
		{ A(BL, X "," CODE("127.0.0.3", "x", "2.0")), "dnsbl.lists[0].codes[1].points", "codes[0]" },
		{ A(BL " errors = [ \"127.0.0.256\" ];", BLOCK_CODES), "dnsbl.lists[0].errors[0]", "must be a code" },
		{ "exempt.senders=[ \"*@example.org\" ]", "exempt.senders[0]", "wildcards" },
		{ "exempt.recipients=[ \"postmaster@\", \"@\" ]", "exempt.recipients[1]", "\"user@\"" },
		{ "exempt.senders=[ \"\" ]", "exempt.senders[0]", "must be \"user@" },
		{ "rdns.words=[ \"dsl\", \"Pool\" ]", "rdns.words[1]", "\"Pool\"" },
		{ "rdns.static_words=[ \"a.b\" ]", "rdns.static_words[0]", "\"a.b\"" },
		{ "rdns.names_max=0", "rdns.names_max", "" },
		{ "rdns.names_max=51", "rdns.names_max", "" },
	};
	static const char *const checks[] = { "exempt", "rdns", "dnsbl", NULL };

	(void)unused;
	for (size_t i = 0; i < COUNT(faults); i++) {
		const char *const overrides[] = { faults[i].override, NULL };
		struct err err = { "" };
		struct rig rig;
		if (rig_configure(&rig, checks, overrides, &err) == 0)
			fail_msg("%s was accepted", faults[i].override);
		if (strstr(err.text, faults[i].where) == NULL || strstr(err.text, faults[i].what) == NULL)
			fail_msg("%s: \"%s\" must name %s and say %s", faults[i].override, err.text, faults[i].where,
			         faults[i].what);
		if (strstr(err.text, "cret") != NULL)
			fail_msg("a key is shown: %s", err.text);
		rig_close(&rig);
	}
}

struct warnings {
	size_t n;
	char last[512];
};

static void keep_warning(void *context, const char *warning)
{
	struct warnings *warnings = context;

	warnings->n++;
	snprintf(warnings->last, sizeof(warnings->last), "%s", warning);
}

static void test_warnings(void **unused)
{
	static const char *const checks[] = { "dnsbl", NULL };
	static const char *const overrides[] = {
		LISTS(BLOCK "," LIST("name = \"a\"; zone = \"bl.example.net\";", CODE("127.0.0.2", "x", "0.0"))), NULL
	};
	struct warnings warnings = { 0 };
	struct err err = { "" };
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, overrides, &err), 0);
	config_each_warning(rig.config, keep_warning, &warnings);
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.last, "dnsbl.lists[1]"));
	assert_non_null(strstr(warnings.last, "no points"));
	rig_close(&rig);
}

/* Texts go into replies: they are sentences, and no zone, let alone a key, is in them. */
static void test_texts(void **unused)
{
	static const char *const checks[] = { "dnsbl", NULL };
	static const char *const overrides[] = { LISTS(BLOCK "," ALLOW "," DOMAINS "," MIXED "," KEYED), NULL };
	static const struct {
		const char *fact, *text;
		enum fact_kind kind;
		int points_milli;
	} wanted[] = {
		{ "dnsbl.zen.xbl", "the client address is on the block list zen (xbl)", FACT_EVIDENCE, 5000 },
		{ "dnsbl.wl.high", "the client address is on the allow list wl (high)", FACT_EVIDENCE, -5000 },
		{ "dnsbl.dbl.phish", "a domain of this message is on the block list dbl (phish)", FACT_EVIDENCE, 6000 },
		{ "dnsbl.mix.bad", "the client or a domain of this message is on the block list mix (bad)",
		  FACT_EVIDENCE, 2000 },
		{ "dnsbl.zen.unsure", "the block list zen did not answer", FACT_UNSURE, 0 },
	};
	struct err err = { "" };
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, overrides, &err), 0);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct fact_info *info = catalogue_info(rig.catalogue,
		                                              catalogue_find(rig.catalogue, wanted[i].fact));
		assert_non_null(info);
		assert_string_equal(info->text, wanted[i].text);
		assert_int_equal(info->kind, wanted[i].kind);
		assert_int_equal(info->points_milli, wanted[i].points_milli);
	}
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		assert_null(strstr(catalogue_info(rig.catalogue, id)->text, "example"));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
