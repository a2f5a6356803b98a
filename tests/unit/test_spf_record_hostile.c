/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SPF records that a stranger made to do harm: the longest, mutated at random; and sentences made at random, about
 * which the grammar of RFC 7208 12, written down a second time as regular expressions, must agree with the parser.
 */
#include "spf_record_fixture.h"

#include <regex.h>
#include <strings.h>

#define MUTATIONS    30000
#define SENTENCES    60000
#define SENTENCE_MAX 512
#define ARENA_FACTOR 64 /* octets of memory for an octet of a record, at most */

static struct reading reading, again; /* too large for the stack */

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

static size_t random_below(uint64_t *state, size_t n)
{
	return (size_t)(random_next(state) % n);
}

/* --- long records --- */

static char long_record[2 * SPF_RECORD_OCTETS_MAX];

/* "v=spf1", then `piece` again and again, cut at `length`. */
static void fill_record(const char *start, const char *piece, size_t length)
{
	size_t at = strlen(start), n = strlen(piece);

	memcpy(long_record, start, at);
	for (; at < length; at++)
		long_record[at] = piece[(at - strlen(start)) % n];
}

static void test_longest_record(void **state)
{
	(void)state;
	fill_record("v=spf1", " mx", SPF_RECORD_OCTETS_MAX - 1); /* 6 + 3 * n */
	read_octets(&reading, long_record, SPF_RECORD_OCTETS_MAX - 1);
	assert_int_equal(reading.status, 0);
	assert_int_equal(reading.n_terms, (SPF_RECORD_OCTETS_MAX - 7) / 3);
	fill_record("v=spf1", " ", SPF_RECORD_OCTETS_MAX + 1);
	read_octets(&reading, long_record, SPF_RECORD_OCTETS_MAX);
	assert_int_equal(reading.status, 0);
	read_octets(&reading, long_record, SPF_RECORD_OCTETS_MAX + 1);
	assert_string_equal(reading.problem, "the record has 16385 octets; at most 16384 are read");
}

static void test_many_networks(void **state)
{
	struct strbuf record;

	(void)state;
	strbuf_open(&record, long_record, sizeof(long_record));
	strbuf_add(&record, "v=spf1");
	for (unsigned int i = 0; i < 100; i++)
		strbuf_addf(&record, " ip6:2001:db8:1:2:3:4:5:%x", i);
	strbuf_add(&record, " -all");
	read_octets(&reading, long_record, record.length);
	assert_int_equal(reading.status, 0);
	assert_int_equal(reading.n_terms, 101);
	assert_non_null(strstr(reading.dump, "+ip6(2001:db8:1:2:3:4:5:63/128) -all"));
}

/* What is made of one octet, or a few, again and again: memory grows with the record, never with its square. */
static void test_long_and_odd(void **state)
{
	static const char *const pieces[] = {
		" a",  " ",        " all", " a//",   "/",         "/1",
		"//1", "%",        "%%",   "%{",     "%{d}",      "%{d/}",
		":",   "=",        "a",    "a=",     "1",         ".",
		"-",   " -",       "+",    "::",     " ip6:::",   " ip4:192.0.2.1",
		"a.",  "a:%{d}/1", " a=",  " a:b.c", "\xe9",      " \\",
		"\"",  "%{d1",     "}",    "{d%",    " exp=x.y ", " redirect=x.y",
	};
	static const char *const starts[] = { "v=spf1 ",   "v=spf1 a:",   "v=spf1 a:%{d}/",
		                              "v=spf1 a=", "v=spf1 ip6:", "v=spf1 x" };

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		for (size_t j = 0; j < COUNT(starts); j++) {
			fill_record(starts[j], pieces[i], SPF_RECORD_OCTETS_MAX);
			read_octets(&reading, long_record, SPF_RECORD_OCTETS_MAX);
			assert_true(reading.arena_octets <= (size_t)ARENA_FACTOR * SPF_RECORD_OCTETS_MAX);
		}
	}
}

/* A longer term is cut and a longer reason too: the problem never grows beyond what a result keeps. */
static void test_long_problem(void **state)
{
	char expected[256];

	(void)state;
	fill_record("v=spf1 a ", "x", 4000);
	read_octets(&reading, long_record, 4000);
	snprintf(expected, sizeof(expected), "term 2 \"%.57s...\": there is no mechanism \"%.37s...\"", long_record + 9,
	         long_record + 9);
	assert_string_equal(reading.problem, expected);
	fill_record("v=spf1 a:", "\"", 4000);
	read_octets(&reading, long_record, 4000);
	assert_int_equal(reading.status, -1);
	assert_true(strlen(reading.problem) <= SPF_PROBLEM_OCTETS_MAX);
	assert_non_null(strstr(reading.problem, "term 1 \"a:\\x22\\x22"));
	assert_string_equal(reading.problem + strlen(reading.problem) - 3, "...");
}

/* --- mutations --- */

static const char *const good_records[] = {
	"v=spf1 a mx -all",
	"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ?all",
	"v=spf1 include:_spf.example.org ~include:%{d2}.example.net redirect=%{d}.example.com",
	"v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} exp=explain._spf.%{d} -all",
	"v=spf1 a:mail.example.org/24//64 mx/27 ptr:example.org foo=%{s}%%%_%- redirect=r.example.org",
	"v=spf1 +a//48 ?mx:%{d/}/8 -ip6:::ffff:192.0.2.1/96 ~all v=spf1",
};

/* Change, drop, double or swap octets in place. Returns the new length. */
static size_t mutate(char *record, size_t length, uint64_t *state)
{
	static const char likely[] = " %{}/:=.-+~?0123456789adiprvxALL_\\\"\t";
	size_t at = random_below(state, length), to = random_below(state, length);

	switch (random_below(state, 5)) {
	case 0:
		record[at] = (char)random_next(state);
		return length;
	case 1:
		record[at] = likely[random_below(state, sizeof(likely))];
		return length;
	case 2:
		memmove(record + at, record + at + 1, length - at - 1);
		return length - 1;
	case 3:
		memmove(record + at + 1, record + at, length - at);
		record[at] = likely[random_below(state, sizeof(likely))];
		return length + 1;
	default:
		record[at] = record[to];
		return length;
	}
}

static void test_mutations(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15;
	unsigned int taken = 0, refused = 0;

	(void)state;
	for (unsigned int i = 0; i < MUTATIONS; i++) {
		char record[256];
		const char *good = good_records[random_below(&seed, COUNT(good_records))];
		size_t length = strlen(good);
		memcpy(record, good, length);
		for (size_t n = 1 + random_below(&seed, 6); n > 0 && length > 0; n--)
			length = mutate(record, length, &seed);
		(void)spf_is_record2((const uint8_t *)record, length, "mfrom");
		if (!spf_is_record((const uint8_t *)record, length))
			continue;
		read_octets(&reading, record, length);
		taken += reading.status == 0;
		refused += reading.status != 0;
	}
	assert_true(taken > MUTATIONS / 100);
	assert_true(refused > MUTATIONS / 100);
}

static void test_noise(void **state)
{
	uint64_t seed = 0x2545f4914f6cdd1d;

	(void)state;
	for (unsigned int i = 0; i < MUTATIONS; i++) {
		char record[128] = "v=spf1 ";
		size_t length = 7 + random_below(&seed, sizeof(record) - 7);
		for (size_t at = 7; at < length; at++)
			record[at] = (char)(i % 2 == 0 ? random_next(&seed) : ' ' + random_next(&seed) % 95);
		read_octets(&reading, record, length);
	}
}

/* Every beginning of a good record is read without reading on. */
static void test_truncations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_records); i++) {
		for (size_t length = 6; length <= strlen(good_records[i]); length++) {
			if (spf_is_record((const uint8_t *)good_records[i], length))
				read_octets(&reading, good_records[i], length);
		}
		assert_int_equal(reading.status, 0);
	}
}

/* --- the grammar, a second time --- */

#define QNUM        "([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
#define IP4_NETWORK QNUM "\\." QNUM "\\." QNUM "\\." QNUM
#define IP4_LENGTH  "/([0-9]|[12][0-9]|3[0-2])"
#define IP6_LENGTH  "/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])"
#define H16         "[0-9a-f]{1,4}"
#define LS32        "(" H16 ":" H16 "|" IP4_NETWORK ")"
#define IP6_NETWORK                                                                                                  \
	"((" H16 ":){6}" LS32 "|::(" H16 ":){5}" LS32 "|(" H16 ")?::(" H16 ":){4}" LS32 "|((" H16 ":){0,1}" H16      \
	")?::(" H16 ":){3}" LS32 "|((" H16 ":){0,2}" H16 ")?::(" H16 ":){2}" LS32 "|((" H16 ":){0,3}" H16 ")?::" H16 \
	":" LS32 "|((" H16 ":){0,4}" H16 ")?::" LS32 "|((" H16 ":){0,5}" H16 ")?::" H16 "|((" H16 ":){0,6}" H16      \
	")?::)"
#define TRANSFORMERS "([0-9]*[1-9][0-9]*)?r?[-.+,/_=]*"
#define EXPAND       "(%\\{[slodiphv]" TRANSFORMERS "\\}|%%|%_|%-)"
#define EXPAND_EXP   "(%\\{[slodiphcrtv]" TRANSFORMERS "\\}|%%|%_|%-)"
#define LITERAL      "[!-$&-~]"
#define TOPLABEL     "([a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])"
#define DOMAIN_SPEC  "(" EXPAND "|" LITERAL ")*(\\." TOPLABEL "\\.?|" EXPAND ")"
#define DUAL_LENGTH  "(" IP4_LENGTH ")?(/" IP6_LENGTH ")?"
#define DIRECTIVE                                                                                                  \
	"^[-+?~]?(all|(include|exists):" DOMAIN_SPEC "|(a|mx)(:" DOMAIN_SPEC ")?" DUAL_LENGTH "|ptr(:" DOMAIN_SPEC \
	")?|ip4:" IP4_NETWORK "(" IP4_LENGTH ")?|ip6:" IP6_NETWORK "(" IP6_LENGTH ")?)$"
#define KNOWN_MODIFIER   "^(redirect|exp)=" DOMAIN_SPEC "$"
#define UNKNOWN_MODIFIER "^[a-z][a-z0-9._-]*=(" EXPAND_EXP "|" LITERAL ")*$"

enum { RE_DIRECTIVE, RE_KNOWN, RE_UNKNOWN, N_RE };

static regex_t grammar[N_RE];

static int compile_grammar(void **state)
{
	static const char *const texts[N_RE] = { DIRECTIVE, KNOWN_MODIFIER, UNKNOWN_MODIFIER };

	(void)state;
	for (size_t i = 0; i < N_RE; i++) {
		if (regcomp(&grammar[i], texts[i], REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
			return -1;
	}
	return 0;
}

static int free_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_RE; i++)
		regfree(&grammar[i]);
	return 0;
}

static bool matches(int which, const char *term)
{
	return regexec(&grammar[which], term, 0, NULL, 0) == 0;
}

/* What the grammar says of the terms. */
static bool grammar_takes(const char *terms)
{
	char copy[SENTENCE_MAX], *rest = NULL;
	unsigned int redirects = 0, exps = 0;

	snprintf(copy, sizeof(copy), "%s", terms);
	for (char *term = strtok_r(copy, " ", &rest); term != NULL; term = strtok_r(NULL, " ", &rest)) {
		bool redirect = strncasecmp(term, "redirect=", 9) == 0, explained = strncasecmp(term, "exp=", 4) == 0;
		redirects += redirect;
		exps += explained;
		if (redirect || explained ? !matches(RE_KNOWN, term)
		                          : !matches(RE_DIRECTIVE, term) && !matches(RE_UNKNOWN, term))
			return false;
	}
	return redirects <= 1 && exps <= 1;
}

/* Words of the grammar, most of them where they belong: a sentence is good often enough to be worth it. */
static void make_term(struct strbuf *terms, uint64_t *seed)
{
	static const char *const heads[] = {
		"all",       "a",        "mx",      "ptr",          "a:",   "mx:",
		"ptr:",      "include:", "exists:", "ip4:192.0.2.", "ip6:", "ip6:2001:db8:",
		"redirect=", "exp=",     "foo=",    "A:",           "iP4:", "x",
		"-",         "",         "1=",      "a_b.c-d=",     "ip4:", "ip6:1:2:3:4:5:6:",
	};
	static const char *const words[] = {
		"example",   ".org",  ".",     "%{d}", "%{l1r-}", "%{i/}", "%%",  "%_",       "%-",    "%",
		"%{",        "}",     "/24",   "//64", "/",       "/0",    "/33", "/012",     "//129", ":",
		"::",        "1",     "25",    "255",  "256",     "0",     "00",  "a",        "-",     "x-1",
		"192.0.2.1", "ffff:", "12345", "=",    "_",       ".1",    ".1a", ".a-",      "%{c}",  "%{D2r}",
		"%{d0}",     "db8::", "1:",    "2:3:", "::4",     "!",     "\\",  ".example",
	};
	static const char *const qualifiers[] = { "", "", "", "", "+", "-", "~", "?" };

	strbuf_add(terms, qualifiers[random_below(seed, COUNT(qualifiers))]);
	strbuf_add(terms, heads[random_below(seed, COUNT(heads))]);
	for (size_t n = random_below(seed, 4); n > 0; n--)
		strbuf_add(terms, words[random_below(seed, COUNT(words))]);
}

static void test_against_grammar(void **state)
{
	uint64_t seed = 0xda942042e4dd58b5;
	unsigned int taken = 0;

	(void)state;
	for (unsigned int i = 0; i < SENTENCES; i++) {
		char memory[SENTENCE_MAX];
		struct strbuf terms;
		strbuf_open(&terms, memory, sizeof(memory));
		for (size_t n = random_below(&seed, 3);; n--) {
			make_term(&terms, &seed);
			if (n == 0)
				break;
			strbuf_add(&terms, " ");
		}
		read_text(&reading, memory);
		if ((reading.status == 0) != grammar_takes(memory))
			fail_msg("\"%s\": the parser %s it, the grammar does not agree (%s)", memory,
			         reading.status == 0 ? "takes" : "refuses", reading.problem);
		taken += reading.status == 0;
	}
	assert_in_range(taken, SENTENCES / 25, SENTENCES * 24 / 25);
}

/* Spaces and the case of letters outside of domains change nothing; what was read, written again, is read the same. */
static void test_same_again(void **state)
{
	uint64_t seed = 0x8cb92ba72f3d8dd7;

	(void)state;
	for (unsigned int i = 0; i < SENTENCES / 4; i++) {
		char memory[SENTENCE_MAX], spaced[SENTENCE_MAX + 16];
		struct strbuf terms;
		strbuf_open(&terms, memory, sizeof(memory));
		make_term(&terms, &seed);
		read_text(&reading, memory);
		snprintf(spaced, sizeof(spaced), "   %s  ", memory);
		read_text(&again, spaced);
		assert_int_equal(again.status, reading.status);
		assert_string_equal(again.dump, reading.dump);
		assert_string_equal(again.problem, reading.problem);
		for (char *at = spaced; *at != '\0'; at++)
			*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
		read_text(&again, spaced);
		assert_int_equal(again.status, reading.status);
		assert_int_equal(strcasecmp(again.dump, reading.dump), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_record), cmocka_unit_test(test_many_networks),
		cmocka_unit_test(test_long_and_odd),   cmocka_unit_test(test_long_problem),
		cmocka_unit_test(test_mutations),      cmocka_unit_test(test_noise),
		cmocka_unit_test(test_truncations),    cmocka_unit_test(test_against_grammar),
		cmocka_unit_test(test_same_again),
	};

	return cmocka_run_group_tests(tests, compile_grammar, free_grammar);
}
