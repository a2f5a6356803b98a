/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf_cases.h"

#include "base/strbuf.h"

#define SHUFFLES 40
#define TEXT_MAX 262144
static void check_case(const struct spf_case *c)
{
	struct world world;
	struct arena arena;
	char parts[2048];
	const struct spf_result *result;

	arena_open(&arena, NULL);
	world_open(&world);
	world_script(&world, c->world);
	result = world_run(&world, spf_case_query(c, parts), &arena);
	print_message("%s\n", c->name);
	assert_begins(result->problem, c->problem != NULL ? c->problem : "");
	assert_string_equal(spf_code_name(result->code), spf_code_name(c->code));
	assert_string_equal(result->mechanism, c->mechanism);
	assert_int_equal(result->problem[0] == '\0', c->problem == NULL);
	assert_string_equal(result->explanation, c->explanation != NULL ? c->explanation : "");
	assert_int_equal(result->terms, c->terms);
	assert_int_equal(result->voids, c->voids);
	assert_int_equal(result->guessed, c->guessed);
	assert_int_equal(result->queries, world.asked);
	assert_true(result->asked_ahead <= result->queries);
	world_close(&world);
	arena_close(&arena);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(spf_cases); i++)
		check_case(&spf_cases[i]);
}

/* ---- the same whatever comes first ---- */

static void assert_printable(const char *text)
{
	for (; *text != '\0'; text++)
		assert_in_range((unsigned char)*text, ' ', '~');
}

/* Everything of a result that may not depend on the order of answers; what the steps show is printable. */
static void describe(const struct spf_result *result, struct strbuf *buf)
{
	strbuf_addf(buf, "%s %d %s %s|%s|%s|%s|%u %u|%d %s %llu %u\n", spf_code_name(result->code), result->guessed,
	            result->domain, result->sender, result->mechanism, result->problem, result->explanation,
	            result->terms, result->voids, result->width.all, result->width.term,
	            (unsigned long long)result->width.addresses, result->width.v6_bits);
	for (const struct spf_step *step = result->steps; step != NULL; step = step->next) {
		assert_printable(step->text);
		assert_printable(step->name);
		assert_printable(step->answer);
		strbuf_addf(buf, "%d %u %s|%s %d %d %d|%s|%d %u %u %u\n", step->kind, step->depth, step->text,
		            step->name, step->type, step->status, step->why, step->answer, step->outcome, step->terms,
		            step->voids, step->queries);
	}
	assert_printable(result->domain);
	assert_printable(result->sender);
	assert_printable(result->mechanism);
	assert_printable(result->problem);
	assert_false(buf->truncated);
}

static void describe_case(const struct spf_case *c, uint32_t seed, unsigned no_room_each, char text[TEXT_MAX])
{
	struct world world;
	struct arena arena;
	char parts[2048];
	struct strbuf buf;

	arena_open(&arena, NULL);
	world_open(&world);
	world_script(&world, c->world);
	world.seed = seed;
	world.no_room_each = no_room_each;
	strbuf_open(&buf, text, TEXT_MAX);
	describe(world_run(&world, spf_case_query(c, parts), &arena), &buf);
	world_close(&world);
	arena_close(&arena);
}

static void test_any_order(void **state)
{
	static char first[TEXT_MAX], other[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(spf_cases); i++) {
		describe_case(&spf_cases[i], 0, 0, first);
		for (uint32_t seed = 1; seed <= SHUFFLES; seed++) {
			describe_case(&spf_cases[i], seed, seed % 3 == 0 ? 0 : seed % 3 + 1, other);
			assert_string_equal(other, first);
		}
	}
}

/* ---- stopped, and wide ---- */

struct stop_case {
	const char *world;
	unsigned ticks;
	enum spf_code code;
	const char *problem;
};

static const struct stop_case stop_cases[] = {
	{ ORG("-all"), 0, SPF_TEMPERROR, "TXT of example.org: timeout" },
	{ ORG("include:a.example -all") "a.example TXT v=spf1\n", 1, SPF_TEMPERROR, "TXT of a.example: timeout" },
	{ ORG("mx -all") "example.org MX 1 a.example\n", 2, SPF_TEMPERROR, "A of a.example: timeout" },
	{ ORG("-all exp=x.example") "x.example TXT no\n", 1, SPF_FAIL, "" },
	{ ORG("ptr -all"), 1, SPF_FAIL, "" },
	{ ORG("-all"), 1, SPF_FAIL, "" },
};

static void test_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stop_cases); i++) {
		struct world world;
		struct spf_dns dns = { .context = &world, .ask = world_ask, .poll = world_poll };
		struct spf_limits limits = spf_default_limits();
		struct spf_query query = QUERY();
		struct arena arena;
		struct spf *spf;

		arena_open(&arena, NULL);
		world_open(&world);
		world_script(&world, stop_cases[i].world);
		spf = spf_open(&query, &limits, &dns, &arena);
		for (unsigned tick = 0; tick < stop_cases[i].ticks; tick++) {
			assert_false(spf_step(spf));
			world.tick++;
		}
		spf_stop(spf);
		assert_int_equal(spf_result(spf)->code, stop_cases[i].code);
		assert_string_equal(spf_result(spf)->problem, stop_cases[i].problem);
		assert_int_equal(spf_result(spf)->why,
		                 stop_cases[i].code == SPF_TEMPERROR ? DNS_WHY_TIMEOUT : DNS_WHY_NOTHING);
		assert_true(spf_step(spf));
		world_close(&world);
		arena_close(&arena);
	}
}

struct width_case {
	const char *world, *term;
	bool all;
	uint64_t addresses;
	unsigned v6_bits;
};

static const struct width_case width_cases[] = {
	{ ORG("a -all"), "", false, 0, 129 },
	{ ORG("+all"), "+all", true, 0, 129 },
	{ ORG("a/24 ip4:192.0.2.0/25 ip4:198.51.100.7 ~all"), "a/24", false, 256 + 128 + 1, 129 },
	{ ORG("ip4:0.0.0.0/0 all"), "all", true, UINT64_C(1) << 32, 129 },
	{ ORG("ip4:192.0.2.1 ip4:10.0.0.0/8"), "ip4:10.0.0.0/8", false, 1 + (1 << 24), 129 },
	{ ORG("ip6:2001:db8::/20 ip4:203.0.113.0/24 mx//32"), "ip6:2001:db8::/20", false, 256, 20 },
	{ ORG("-ip4:192.0.2.0/24 ?ip4:10.0.0.0/8 ?all"), "", false, 0, 129 },
	{ ORG("include:x.example") "x.example TXT v=spf1 +all\n", "+all", true, 0, 129 },
	{ ORG("?include:x.example") "x.example TXT v=spf1 +all\n", "", false, 0, 129 },
	{ ORG("redirect=x.example") "x.example TXT v=spf1 ip4:198.51.100.0/22\n", "ip4:198.51.100.0/22", false, 1024,
	  129 },
};

static void test_width(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(width_cases); i++) {
		struct world world;
		struct arena arena;
		const struct spf_width *width;

		arena_open(&arena, NULL);
		world_open(&world);
		world_script(&world, width_cases[i].world);
		width = &world_run(&world, QUERY(), &arena)->width;
		assert_string_equal(width->term, width_cases[i].term);
		assert_int_equal(width->all, width_cases[i].all);
		assert_int_equal(width->addresses, width_cases[i].addresses);
		assert_int_equal(width->v6_bits, width_cases[i].v6_bits);
		world_close(&world);
		arena_close(&arena);
	}
}

/* ---- steps, caps ---- */

#define STEPS_WORLD                                                     \
	ORG("ip4:198.51.100.1 include:x.example mx -all exp=y.example") \
	"x.example TXT v=spf1 a redirect=z.example\n"                   \
	"x.example A 198.51.100.1\nx.example A 198.51.100.2\n"          \
	"z.example TXT v=spf1 ~all\nexample.org MX 10 m.example\n"      \
	"y.example TXT no\n"

static void test_steps(void **state)
{
	static const struct {
		enum spf_step_kind kind;
		unsigned depth;
		const char *text, *name, *answer;
		enum spf_outcome outcome;
		unsigned terms;
	} want[] = {
		{ SPF_STEP_RECORD, 0, "v=spf1 ip4:198.51.100.1 include:x.example mx -all exp=y.example", "example.org",
		  "", SPF_NO_MATCH, 0 },
		{ SPF_STEP_TERM, 0, "ip4:198.51.100.1", "", "", SPF_NO_MATCH, 0 },
		{ SPF_STEP_TERM, 0, "include:x.example", "x.example", "", SPF_NO_MATCH, 1 },
		{ SPF_STEP_RECORD, 1, "v=spf1 a redirect=z.example", "x.example", "", SPF_NO_MATCH, 1 },
		{ SPF_STEP_TERM, 1, "a", "x.example", "198.51.100.1 198.51.100.2", SPF_NO_MATCH, 2 },
		{ SPF_STEP_REDIRECT, 1, "redirect=z.example", "z.example", "", SPF_NO_MATCH, 3 },
		{ SPF_STEP_RECORD, 2, "v=spf1 ~all", "z.example", "", SPF_NO_MATCH, 3 },
		{ SPF_STEP_TERM, 2, "~all", "", "", SPF_MATCH, 3 },
		{ SPF_STEP_TERM, 0, "mx", "example.org", "10 m.example", SPF_NO_MATCH, 4 },
		{ SPF_STEP_TERM, 0, "-all", "", "", SPF_MATCH, 4 },
		{ SPF_STEP_EXP, 0, "exp=y.example", "y.example", "no", SPF_NO_MATCH, 4 },
	};
	struct world world;
	struct arena arena;
	const struct spf_step *step;

	(void)state;
	arena_open(&arena, NULL);
	world_open(&world);
	world_script(&world, STEPS_WORLD);
	step = world_run(&world, QUERY(), &arena)->steps;
	for (size_t i = 0; i < COUNT(want); i++, step = step->next) {
		assert_non_null(step);
		assert_string_equal(step->text, want[i].text);
		assert_int_equal(step->kind, want[i].kind);
		assert_int_equal(step->depth, want[i].depth);
		assert_string_equal(step->name, want[i].name);
		assert_string_equal(step->answer, want[i].answer);
		assert_int_equal(step->outcome, want[i].outcome);
		assert_int_equal(step->terms, want[i].terms);
	}
	assert_null(step);
	world_close(&world);
	arena_close(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases), cmocka_unit_test(test_any_order), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_width), cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
