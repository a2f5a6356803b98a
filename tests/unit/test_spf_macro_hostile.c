/* SPDX-License-Identifier: BSD-2-Clause */
/* Macro expansion: lengths, bombs, and a slow second implementation that must agree. */
#include "spf_macro_fixture.h"

/* `length` octets `c`. */
static char *run_of(char *at, char c, size_t length)
{
	memset(at, c, length);
	at[length] = '\0';
	return at + length;
}

/* A name of `length` octets in labels of 50, counted from its end; begins with a short one. */
static void build_name(char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		name[i] = (length - i) % 50 == 0 && i > 0 ? '.' : (char)('a' + (length - i) / 50);
	name[length] = '\0';
}

static void test_lengths(void **state)
{
	struct spf_macros macros = rfc_macros("192.0.2.3");
	char helo[1024];

	(void)state;
	macros.helo = helo;
	for (size_t length = 240; length <= 620; length++) {
		build_name(helo, length);
		const char *want = helo;
		while (strlen(want) > SPF_DOMAIN_OCTETS_MAX)
			want = strchr(want, '.') + 1;
		assert_string_equal(domain_of("%{h}", &macros), want);
		assert_string_equal(domain_of("%{h}.", &macros), want); /* the final dot does not count */
		assert_string_equal(domain_of(helo, &macros), want);    /* literals are no different */
		assert_false(is_bad_name(want));
	}
	static const struct {
		size_t length, kept;
	} edges[] = { { 252, 252 }, { 253, 253 }, { 254, 249 }, { 255, 249 } };
	for (size_t i = 0; i < COUNT(edges); i++) {
		build_name(helo, edges[i].length);
		assert_int_equal(strlen(domain_of("%{h}", &macros)), edges[i].kept);
	}
}

static void test_long_labels(void **state)
{
	struct spf_macros macros = rfc_macros("192.0.2.3");
	char local[1024], want[2048];

	(void)state;
	macros.local = local;
	for (size_t length = 62; length <= 65; length++) {
		run_of(local, 'a', length);
		snprintf(want, sizeof(want), "%s.example.org", local);
		assert_string_equal(domain_of("%{l}.example.org", &macros), want);
		assert_int_equal(is_bad_name(want), length > 63);
	}
	run_of(local, 'a', 241); /* 253 with ".example.org" */
	snprintf(want, sizeof(want), "%s.example.org", local);
	assert_string_equal(domain_of("%{l}.example.org", &macros), want);
	assert_string_equal(domain_of("%{l}.example.org.", &macros), want);
	run_of(local, 'a', 242);
	assert_string_equal(domain_of("%{l}.example.org", &macros), "example.org");
	run_of(local, 'a', 1000);
	assert_string_equal(domain_of("%{l}.example.org", &macros), "example.org");
	/* one giant label: nothing is left, and that is not the root */
	assert_string_equal(domain_of("%{l}", &macros), "..");
	assert_string_equal(domain_of("%{l}.", &macros), "..");
	assert_string_equal(domain_of("%{l}..", &macros), "..");
	assert_string_equal(domain_of("x.%{l}", &macros), "..");
	run_of(local, 'a', 253);
	assert_string_equal(domain_of("%{l}", &macros), local);
	run_of(local, 'a', 254);
	assert_string_equal(domain_of("%{l}", &macros), "..");
	assert_true(is_bad_name(".."));
	/* octets are counted, not the characters that show them */
	run_of(local, '\xff', 241);
	for (size_t i = 60; i < 240; i += 60)
		local[i] = '.';
	assert_int_equal(strlen(domain_of("%{l}.example.org", &macros)), 238 * 4 + 3 + 12);
	assert_false(is_bad_name(domain_of("%{l}.example.org", &macros)));
}

/* The shape of CVE-2023-42118, and worse. */
static void test_bombs(void **state)
{
	struct spf_macros macros = rfc_macros("192.0.2.3");
	char domain[254], local[1025], *spec = memory_new(70000), *at;

	(void)state;
	build_name(domain, 253);
	macros.domain = macros.sender_domain = domain;
	at = spec;
	for (int i = 0; i < 127; i++)
		at = stpcpy(at, "%{d}");
	assert_string_equal(problem_of(spec, strlen(spec), true), "");
	/* the last label of each but the last runs into the next one's first: what is left begins with its second */
	assert_string_equal(domain_of(spec, &macros), strchr(domain, '.') + 1);
	run_of(at, 'z', 60);
	assert_int_equal(strlen(domain_of(spec, &macros)), 149 + 60);
	assert_memory_equal(domain_of(spec, &macros), domain + 104, 149); /* from its fourth label on */

	run_of(local, '&', 1024);
	for (size_t i = 7; i < 1024; i += 9)
		local[i] = '.';
	macros.local = local;
	at = spec;
	for (int i = 0; i < 2000; i++)
		at = stpcpy(at, i % 2 == 0 ? "%{S99999999999999999999r}" : "%{S9.-+,/_=}");
	stpcpy(at, ".example.org");
	assert_true(strlen(domain_of(spec, &macros)) <= SPF_DOMAIN_OCTETS_MAX);
	assert_non_null(strstr(domain_of(spec, &macros), ".example.org"));
	assert_int_equal(strlen(text_of(spec, &macros)), TEXT_MAX - 1);

	at = run_of(spec, 'x', 20000);
	stpcpy(at, ".example.org");
	assert_string_equal(domain_of(spec, &macros), "example.org");
	stpcpy(run_of(spec, '.', 20000), "example.org");
	assert_int_equal(strlen(domain_of(spec, &macros)), SPF_DOMAIN_OCTETS_MAX);
	assert_true(is_bad_name(domain_of(spec, &macros)));

	at = run_of(stpcpy(spec, "%{d"), '9', 20000);
	stpcpy(at, "}");
	assert_string_equal(domain_of(spec, &macros), domain);
	at = run_of(stpcpy(spec, "%{dr"), '=', 20000);
	stpcpy(at, "}.");
	assert_string_equal(domain_of(spec, &macros), domain);
	free(spec);
}

static const char *not_yet(void *context)
{
	(*(int *)context)++;
	return NULL;
}

static void test_waits(void **state)
{
	struct spf_macros macros = rfc_macros("192.0.2.3");
	char name[DNS_NAME_TEXT_MAX], memory[64];
	struct strbuf result;
	int calls = 0;

	(void)state;
	macros.validated_name = not_yet;
	macros.context = &calls;
	strbuf_open(&result, memory, sizeof(memory));
	assert_string_equal(domain_of("%%{p}.%{d2}", &macros), "%{p}.example.com");
	assert_int_equal(calls, 0);
	assert_int_equal(spf_macro_domain("x.%{p}", &macros, name), SPF_EXPANSION_WAITS);
	assert_string_equal(name, "");
	assert_int_equal(spf_macro_text("x %{P2r}", &macros, &result), SPF_EXPANSION_WAITS);
	assert_int_equal(calls, 2);
	macros.validated_name = NULL;
	assert_string_equal(domain_of("%{p}.example.org", &macros), "unknown.example.org");
}

static void test_text_is_cut(void **state)
{
	struct spf_macros macros = rfc_macros("192.0.2.3");
	char memory[9];
	struct strbuf result;

	(void)state;
	for (size_t size = 1; size <= sizeof(memory); size++) {
		strbuf_open(&result, memory, size);
		assert_int_equal(spf_macro_text("a %{d} %{dr}", &macros, &result), SPF_EXPANDED);
		assert_int_equal(result.length, size - 1);
		assert_true(result.truncated);
		assert_memory_equal(memory, "a email.", size - 1);
	}
	strbuf_open(&result, memory, sizeof(memory));
	strbuf_add(&result, "> ");
	assert_int_equal(spf_macro_text("%{d1}", &macros, &result), SPF_EXPANDED);
	assert_string_equal(memory, "> com");
	assert_false(result.truncated);
}

/* A value: mostly what parts are made of, now and then any octet. */
static void draw_value(uint64_t *seed, char *value, size_t max)
{
	static const char usual[] = "ab.-+,/_=.-";
	size_t length = (size_t)draw(seed, draw(seed, 8) == 0 ? max : 24);

	for (size_t i = 0; i < length; i++)
		value[i] = draw(seed, 12) == 0 ? (char)(1 + draw(seed, 255)) : usual[draw(seed, sizeof(usual) - 1)];
	value[length] = '\0';
}

static char *draw_macro(uint64_t *seed, char *at)
{
	static const char letters[] = "slodipvhcrtSLODIPVHCRT", delimiters[] = ".-+,/_=";
	static const char *const numbers[] = { "", "", "1", "2", "3", "7", "09", "127", "99999999999999999999" };

	at += sprintf(at, "%%{%c%s%s", letters[draw(seed, sizeof(letters) - 1)], numbers[draw(seed, COUNT(numbers))],
	              draw(seed, 2) == 0 ? "" : "r");
	for (uint64_t n = draw(seed, 4); n > 0; n--)
		*at++ = delimiters[draw(seed, sizeof(delimiters) - 1)];
	return stpcpy(at, "}");
}

static void draw_spec(uint64_t *seed, char *at)
{
	static const char *const plain[] = { "a", ".", ".", "b.c", "%%", "%_", "%-", "-x.", "\\", "example.org" };

	*at = '\0';
	for (uint64_t n = draw(seed, 12); n > 0; n--) {
		if (draw(seed, 2) == 0)
			at = stpcpy(at, plain[draw(seed, COUNT(plain))]);
		else
			at = draw_macro(seed, at);
	}
}

static void test_property_same_as_reference(void **state)
{
	char local[1200], sender_domain[300], helo[600], spec[1024], name[DNS_NAME_TEXT_MAX], domain[300], want[65536];
	uint64_t seed = 0x5bf03635u;

	(void)state;
	for (int round = 0; round < 40000; round++) {
		struct spf_macros macros = rfc_macros(draw(&seed, 2) == 0 ? "192.0.2.3" : "2001:db8::cb01");
		draw_value(&seed, local, sizeof(local));
		draw_value(&seed, sender_domain, 254);
		draw_value(&seed, helo, sizeof(helo));
		build_name(domain, 1 + (size_t)draw(&seed, 253));
		draw_spec(&seed, spec);
		macros.local = local;
		macros.sender_domain = sender_domain;
		macros.helo = helo;
		macros.domain = domain;
		assert_string_equal(problem_of(spec, strlen(spec), false), "");

		reference_domain(spec, &macros, want);
		assert_int_equal(spf_macro_domain(spec, &macros, name), SPF_EXPANDED);
		assert_string_equal(name, want);
		reference_text(spec, &macros, want, TEXT_MAX);
		assert_string_equal(text_of(spec, &macros), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),     cmocka_unit_test(test_long_labels),
		cmocka_unit_test(test_bombs),       cmocka_unit_test(test_waits),
		cmocka_unit_test(test_text_is_cut), cmocka_unit_test(test_property_same_as_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
