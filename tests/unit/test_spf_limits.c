/* SPDX-License-Identifier: BSD-2-Clause */
/* What one evaluation may cost: rounds, questions, memory; and records that were made to cost more. */
#include "spf_world.h"

#define SHUFFLES      40
#define RECORD_OCTETS 16000

/* ---- asking ahead ---- */

struct round_case {
	const char *name, *world;
	enum spf_code code;
	unsigned rounds, asked, asked_ahead;
};

#define CHAIN                                                                              \
	"a.example TXT v=spf1 include:b.example\nb.example TXT v=spf1 include:c.example\n" \
	"c.example TXT v=spf1 include:d.example\nd.example TXT v=spf1 include:e.example\n" \
	"e.example TXT v=spf1 ip4:192.0.2.1\n"

static const struct round_case round_cases[] = {
	{ "ten includes side by side", ORG(INCLUDES10 "-all") TEN("example.net", " TXT v=spf1 ip4:198.51.100.1"),
	  SPF_FAIL, 2, 11, 9 },
	{ "five includes nested", ORG("include:a.example -all") CHAIN, SPF_PASS, 6, 6, 0 },
	{ "side by side, each with addresses",
	  ORG("include:a.example.net include:b.example.net include:c.example.net -all")
	          TEN("example.net", " TXT v=spf1 a:%{d} ~all") TEN("example.net", " A 198.51.100.1"),
	  SPF_FAIL, 3, 7, 4 },
	{ "mx and its exchanges",
	  ORG("mx mx:b.example a:c.example -all") "example.org MX 1 m.example\n"
	                                          "example.org MX 2 n.example\n"
	                                          "b.example MX 1 o.example\n"
	                                          "m.example A 198.51.100.1\n"
	                                          "n.example A 198.51.100.1\n"
	                                          "o.example A 198.51.100.1\nc.example A 198.51.100.1\n",
	  SPF_FAIL, 3, 7, 4 },
	{ "nothing beyond a match", ORG("ip4:192.0.2.1 include:a.example -all"), SPF_PASS, 1, 1, 0 },
	{ "nothing beyond an all", ORG("-all include:a.example"), SPF_FAIL, 1, 1, 0 },
	{ "redirect beside terms",
	  ORG("a mx redirect=a.example") "example.org A 198.51.100.1\nexample.org MX 1 example.org\n"
	                                 "a.example TXT v=spf1 -all\n",
	  SPF_FAIL, 2, 4, 2 },
	{ "redirect beside all is not asked", ORG("a redirect=a.example -all") "example.org A 198.51.100.1\n", SPF_FAIL,
	  2, 2, 0 },
	{ "a macro of the sender", ORG("a:a.example exists:%{l}.%{d} -all") "a.example A 198.51.100.1\n", SPF_FAIL, 2,
	  3, 1 },
	{ "the client's names",
	  ORG("include:a.example exists:%{p}.x.example -all") "a.example TXT v=spf1\n"
	                                                      "1.2.0.192.in-addr.arpa PTR m.example\n"
	                                                      "m.example A 192.0.2.1\n"
	                                                      "m.example.x.example A 127.0.0.1\n",
	  SPF_PASS, 4, 5, 1 },
	{ "several names of the client",
	  ORG("ptr a:c.example -all") "1.2.0.192.in-addr.arpa PTR a.example.org\n"
	                              "1.2.0.192.in-addr.arpa PTR b.example.org\nc.example A 198.51.100.1\n",
	  SPF_FAIL, 3, 5, 2 },
	{ "too many exchanges are not asked for",
	  ORG("mx -all") "example.org MX 1 a.m.example\nexample.org MX 1 b.m.example\n"
	                 "example.org MX 1 c.m.example\nexample.org MX 1 d.m.example\nexample.org MX 1 e.m.example\n"
	                 "example.org MX 1 f.m.example\nexample.org MX 1 g.m.example\nexample.org MX 1 h.m.example\n"
	                 "example.org MX 1 i.m.example\nexample.org MX 1 j.m.example\nexample.org MX 1 k.m.example\n",
	  SPF_PERMERROR, 2, 2, 0 },
	{ "the explanation is one round more",
	  ORG("a -all exp=x.example") "example.org A 198.51.100.1\nx.example TXT no\n", SPF_FAIL, 3, 3, 0 },
};

static void test_rounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(round_cases); i++) {
		const struct round_case *c = &round_cases[i];
		struct world world;
		struct arena arena;
		const struct spf_result *result;

		arena_open(&arena, NULL);
		world_open(&world);
		world_script(&world, c->world);
		result = world_run(&world, QUERY(), &arena);
		print_message("%s: %u rounds, %u asked, %u ahead\n", c->name, world.rounds, result->queries,
		              result->asked_ahead);
		assert_int_equal(result->code, c->code);
		assert_int_equal(world.rounds, c->rounds);
		assert_int_equal(world.asked, c->asked);
		assert_int_equal(result->queries, c->asked);
		assert_int_equal(result->asked_ahead, c->asked_ahead);
		world_close(&world);
		arena_close(&arena);
	}
}

/* Every record includes ten others, all different. */
static void add_bomb(struct world *world, const char *name, unsigned depth)
{
	char record[512] = "v=spf1";
	char below[64];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(below, sizeof(below), "%c%s", 'a' + (int)i, name);
		snprintf(record + strlen(record), sizeof(record) - strlen(record), " include:%s", below);
		if (depth > 0)
			add_bomb(world, below, depth - 1);
	}
	world_add(world, name, "TXT", record);
}

static void test_bomb(void **state)
{
	struct spf_limits limits = spf_default_limits();

	(void)state;
	for (uint32_t seed = 0; seed < SHUFFLES; seed++) {
		struct world world;
		struct arena arena;
		const struct spf_result *result;

		arena_open(&arena, NULL);
		world_open(&world);
		world.seed = seed;
		add_bomb(&world, "x.example", 2);
		add_bomb(&world, "example.org", 1);
		result = world_run(&world, QUERY(), &arena);
		assert_int_equal(result->code, SPF_PERMERROR);
		assert_true(world.asked_type[DNS_TXT] <= (unsigned)(1 + 2 * limits.terms_max));
		assert_int_equal(world.asked, world.asked_type[DNS_TXT]);
		world_close(&world);
		arena_close(&arena);
	}
}

/* Ten mx terms with ten exchanges each: the queries are the limit. */
static void test_queries_max(void **state)
{
	char record[512] = "v=spf1", name[64], exchange[80];

	(void)state;
	for (int max = 1; max <= 125; max += 4) {
		struct spf_limits limits = spf_default_limits();
		struct spf_query query = QUERY();
		struct world world;
		struct arena arena;
		const struct spf_result *result;

		arena_open(&arena, NULL);
		world_open(&world);
		strcpy(record, "v=spf1");
		for (int i = 0; i < 10; i++) {
			snprintf(name, sizeof(name), "x%d.example", i);
			snprintf(record + strlen(record), sizeof(record) - strlen(record), " mx:%s", name);
			for (int j = 0; j < 10; j++) {
				snprintf(exchange, sizeof(exchange), "%d m%d-%d.example", j, i, j);
				world_add(&world, name, "MX", exchange);
			}
		}
		world_add(&world, "example.org", "TXT", record);
		limits.queries_max = max;
		result = world_run_limits(&world, &query, &limits, &arena);
		assert_true(world.asked <= (unsigned)max);
		assert_int_equal(result->code, max >= 111 ? SPF_NEUTRAL : SPF_PERMERROR);
		if (max < 111)
			assert_begins(result->problem, "more than ");
		world_close(&world);
		arena_close(&arena);
	}
}

/* Records at their greatest, each of which includes the next. */
static const struct spf_result *run_large(struct world *world, const char *filler, bool include_first,
                                          struct arena *arena)
{
	char domain[] = "a.example", record[RECORD_OCTETS], include[64];

	world_script(world, ORG("include:a.example -all"));
	for (; domain[0] <= 'h'; domain[0]++) {
		snprintf(include, sizeof(include), " include:%c.example", domain[0] + 1);
		snprintf(record, sizeof(record), "v=spf1%s", include_first ? include : "");
		char *end = record + strlen(record);
		while (end < record + sizeof(record) - sizeof(include))
			end = stpcpy(end, filler);
		if (!include_first)
			stpcpy(end, include);
		world_add(world, domain, "TXT", record);
	}
	return world_run(world, QUERY(), arena);
}

static const struct large_case {
	const char *filler;
	bool include_first;
	size_t octets_max;
} large_cases[] = {
	{ " ip4:198.51.100.1", false, 2 * 1024 * 1024 },
	{ " a", true, 8 * 1024 * 1024 },
};

/* Memory and steps stay bounded, and the words say what is wrong. */
static void test_large_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(large_cases); i++) {
		const struct large_case *c = &large_cases[i];
		struct arena_quota quota = { .max_octets = SIZE_MAX };
		struct world world;
		struct arena arena;
		const struct spf_result *result;
		unsigned steps = 0;

		arena_open(&arena, &quota);
		world_open(&world);
		result = run_large(&world, c->filler, c->include_first, &arena);
		assert_int_equal(result->code, SPF_PERMERROR);
		assert_begins(result->problem, "the SPF records have more than 65536 octets together");
		for (const struct spf_step *step = result->steps; step != NULL; step = step->next)
			steps++;
		assert_true(steps <= SPF_STEPS_MAX);
		print_message("%zu octets, %u steps\n", quota.used_octets, steps);
		assert_true(quota.used_octets < c->octets_max);
		world_close(&world);
		arena_close(&arena);
	}
}

/* Where a session's quota is used up, nothing more is gathered, and nothing is held against the domain. */
static void test_no_memory(void **state)
{
	struct arena_quota quota = { .used_octets = 1, .max_octets = 1 };
	struct world world;
	struct arena arena;
	const struct spf_result *result;

	(void)state;
	arena_open(&arena, &quota);
	world_open(&world);
	world_script(&world, ORG("-all"));
	result = world_run(&world, QUERY(), &arena);
	assert_int_equal(result->code, SPF_TEMPERROR);
	assert_int_equal(result->why, DNS_WHY_LIMIT);
	assert_string_equal(result->problem, "no room for the record of example.org");
	world_close(&world);
	arena_close(&arena);
}

/* CVE-2023-42118, again: literals of 8 KB, as an unknown modifier, as a target of exists and of exp. */
static void test_long_literals(void **state)
{
	static const char *const shapes[] = { "v=spf1 x=%s -all", "v=spf1 exists:%s.example -all",
		                              "v=spf1 -all exp=%s.example" };
	char literal[8001], record[8100];

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world world;
		struct arena arena;

		memset(literal, 'a', sizeof(literal) - 1);
		literal[sizeof(literal) - 1] = '\0';
		snprintf(record, sizeof(record), shapes[i], literal);
		arena_open(&arena, NULL);
		world_open(&world);
		world_add(&world, "example.org", "TXT", record);
		assert_int_equal(world_run(&world, QUERY(), &arena)->code, SPF_FAIL);
		world_close(&world);
		arena_close(&arena);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),      cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_queries_max), cmocka_unit_test(test_large_records),
		cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_long_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
