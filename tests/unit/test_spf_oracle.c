/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The evaluation (through libspf2, by passes, with answers that come in any order) against the oracle (spf_oracle.h).
 * Worlds are made at random; SPF_ORACLE_CASES says how many, SPF_ORACLE_FIRST the number of the first (a failure names
 * its own).
 */
#include "spf_oracle.h"

/* ---- worlds at random ---- */

#define DOMAINS 10

struct dice {
	uint64_t state;
};

static unsigned roll(struct dice *dice, unsigned sides)
{
	dice->state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t x = dice->state;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((x ^ x >> 31) % sides);
}

#define ONE_IN(n)       (roll(dice, n) == 0)
#define ANY_OF(strings) ((strings)[roll(dice, COUNT(strings))])

/* A domain-spec; mostly a domain of a higher number, so that few records go round in a ring. */
static void random_spec(struct dice *dice, unsigned above, char *text, size_t size)
{
	unsigned target = ONE_IN(12) || above + 1 >= DOMAINS ? roll(dice, DOMAINS)
	                                                     : above + 1 + roll(dice, DOMAINS - above - 1);
	static const char *const odd[] = { "%{d}",
		                           "%{o}",
		                           "%{h}",
		                           "%{l}.d1.example",
		                           "%{p}",
		                           "%{p}.d2.example",
		                           "%{ir}.%{v}.d3.example",
		                           "d%{d1r}.example",
		                           "%{d2}",
		                           "%{d1}",
		                           "%{l1r-}.%{d}",
		                           "a..example",
		                           "%{i}.D4.EXAMPLE.",
		                           "%{S}.d5.example",
		                           "x%%%_%-.d6.example",
		                           "d0.example." };

	if (ONE_IN(6))
		snprintf(text, size, "%s", ANY_OF(odd));
	else
		snprintf(text, size, "%sd%u.example", ONE_IN(20) ? "s." : "", target);
}

static void random_address(struct dice *dice, bool v6, char *text, size_t size)
{
	/* Mostly near the client, seldom the client. */
	snprintf(text, size, v6 ? "2001:db8::%x" : "192.0.2.%u", ONE_IN(12) ? 1 : 2 + roll(dice, 250));
}

static void random_term(struct dice *dice, unsigned above, char *text, size_t size)
{
	static const char *const hosts[] = { "a", "mx", "ptr", "A", "MX" };
	static const char *const prefixes[] = { "",    "",   "",      "",     "",         "/32", "/30",
		                                "/24", "/0", "//128", "//64", "/31//127", "//0", "/28//124" };
	static const char *const broken[] = { "ip4:192.0.2",         "a:",    "include:", "foo", "a/33",
		                              "exists:%{z}.example", "b=%{q}" };
	char spec[200], address[60];
	static const char *const qualifiers[] = { "", "", "", "+", "-", "~", "?" };
	const char *host = ANY_OF(hosts);
	const char *qualifier = ANY_OF(qualifiers);
	unsigned kind = roll(dice, 40);

	random_spec(dice, above, spec, sizeof(spec));
	random_address(dice, ONE_IN(3), address, sizeof(address));
	if (kind == 0 && ONE_IN(5))
		snprintf(text, size, " %s", ANY_OF(broken));
	else if (kind < 2)
		snprintf(text, size, " x-%u=%%{d}", roll(dice, 99));
	else if (kind < 5)
		snprintf(text, size, " %sip%c:%s", qualifier, strchr(address, ':') != NULL ? '6' : '4', address);
	else if (kind < 7)
		snprintf(text, size, " %sexists:%s", qualifier, spec);
	else if (kind < 22)
		snprintf(text, size, " %s%s:%s%s", qualifier, host, spec, host[0] == 'p' ? "" : ANY_OF(prefixes));
	else if (kind < 27)
		snprintf(text, size, " %s%s%s", qualifier, host, host[0] == 'p' ? "" : ANY_OF(prefixes));
	else if (kind < 28)
		snprintf(text, size, " %sall", qualifier);
	else
		snprintf(text, size, " %sinclude:%s", qualifier, spec);
}

static void random_record(struct dice *dice, unsigned above, char *text, size_t size)
{
	static const char *const ends[] = { " -all", " ~all", " ?all", "", " redirect=", " redirect=" };
	unsigned n = roll(dice, 7);
	char spec[200];
	const char *end = ANY_OF(ends);

	snprintf(text, size, "v=spf1");
	for (unsigned i = 0; i < n; i++)
		random_term(dice, above, text + strlen(text), size - strlen(text));
	random_spec(dice, above, spec, sizeof(spec));
	snprintf(text + strlen(text), size - strlen(text), "%s%s", end, strchr(end, '=') != NULL ? spec : "");
	if (ONE_IN(3))
		snprintf(text + strlen(text), size - strlen(text), " exp=e%u.example", roll(dice, 4));
}

static void random_domain(struct dice *dice, struct world *world, unsigned number, const char *name)
{
	char text[2048];
	unsigned n;

	if (!ONE_IN(60))
		random_record(dice, number, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s", ONE_IN(2) ? "!timeout" : "hello");
	if (!ONE_IN(60))
		world_add(world, name, "TXT", text);
	if (ONE_IN(90))
		world_add(world, name, "TXT", "v=spf1 -all");
	for (n = ONE_IN(5) ? 0 : 1 + roll(dice, 3); n > 0; n--) {
		random_address(dice, false, text, sizeof(text));
		world_add(world, name, "A", ONE_IN(60) ? "!servfail" : text);
	}
	for (n = ONE_IN(5) ? 0 : 1 + roll(dice, 3); n > 0; n--) {
		random_address(dice, true, text, sizeof(text));
		world_add(world, name, "AAAA", ONE_IN(60) ? "!servfail" : text);
	}
	for (n = ONE_IN(40) ? 12 : roll(dice, 4); n > 0; n--) {
		snprintf(text, sizeof(text), "%u %sd%u.example", n, ONE_IN(4) ? "s." : "", roll(dice, DOMAINS));
		world_add(world, name, "MX", ONE_IN(60) ? "!timeout" : ONE_IN(30) ? "0 ." : text);
	}
}

static void random_world(struct dice *dice, struct world *world, const struct ip *client)
{
	static const char *const explanations[] = { "no", "%{i} is not of %{d}", "%{z}", "see %{p} %{c} %{r} %{t}",
		                                    "\\xe9" };
	char name[DNS_NAME_TEXT_MAX], text[64];

	for (unsigned i = 0; i < DOMAINS; i++) {
		snprintf(name, sizeof(name), "d%u.example", i);
		random_domain(dice, world, i, name);
	}
	for (unsigned i = 0; i < DOMAINS; i++) {
		snprintf(name, sizeof(name), "s.d%u.example", i);
		if (ONE_IN(2))
			random_domain(dice, world, i, name);
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "e%u.example", i);
		world_add(world, name, "TXT", ANY_OF(explanations));
		if (ONE_IN(20))
			world_add(world, name, "TXT", "one too many");
	}
	dns_name_reverse_ptr(client, name);
	for (unsigned n = ONE_IN(20) ? 12 : roll(dice, 4); n > 0; n--) {
		snprintf(text, sizeof(text), "%sd%u.example", ONE_IN(3) ? "s." : "", roll(dice, DOMAINS));
		world_add(world, name, "PTR", ONE_IN(40) ? "!timeout" : text);
	}
}

static struct spf_limits random_limits(struct dice *dice)
{
	struct spf_limits limits = spf_default_limits();

	limits.queries_max = 1000;
	if (!ONE_IN(3))
		return limits;
	limits.terms_max = (int)(1 + roll(dice, 20));
	limits.void_max = (int)roll(dice, 6);
	limits.mx_max = (int)(1 + roll(dice, 12));
	limits.ptr_max = (int)(1 + roll(dice, 12));
	return limits;
}

/* ---- one against the other ---- */

static unsigned codes[SPF_CODES];
static unsigned long long queries;

static void compare(const struct spf_result *result, enum spf_code code, const struct oracle *o, unsigned long number)
{
	bool settled = code != SPF_TEMPERROR && code != SPF_PERMERROR && code != SPF_NONE;

	if (result->code != code || result->terms != o->terms || result->voids != o->voids ||
	    strcmp(result->mechanism, settled ? o->mechanism : "") != 0 ||
	    strcmp(result->explanation, code == SPF_FAIL ? o->explanation : "") != 0) {
		print_error("case %lu: %s, not %s; %u terms, not %u; %u voids, not %u\n", number,
		            spf_code_name(result->code), spf_code_name(code), result->terms, o->terms, result->voids,
		            o->voids);
		print_error("\"%s\", not \"%s\"; \"%s\", not \"%s\"; %s\n", result->mechanism, o->mechanism,
		            result->explanation, o->explanation, result->problem);
		fail();
	}
	assert_int_equal(result->problem[0] != '\0', code == SPF_TEMPERROR || code == SPF_PERMERROR);
	assert_null(strstr(result->problem, "libspf2"));
	codes[code]++;
	queries += result->queries;
}

static void run_case(unsigned long number)
{
	static const char *const clients[] = { "192.0.2.1", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" };
	static const char *const locals[] = { "user", "a-b-c", "x.y", "s" };
	struct dice die = { .state = number * 77777 }, *dice = &die;
	struct spf_query query = {
		.identity = SPF_MAIL_FROM, .helo = "d7.example", .receiver = "mx.example.net", .now_s = 1
	};
	struct spf_limits limits = random_limits(dice);
	struct world world;
	struct oracle o = { .world = &world, .query = &query, .limits = &limits };
	struct arena arena;
	char domain[32];
	enum spf_code code;

	arena_open(&arena, NULL);
	arena_open(&o.arena, NULL);
	world_open(&world);
	assert_true(ip_parse(&query.client, ANY_OF(clients)));
	query.local = ANY_OF(locals);
	snprintf(domain, sizeof(domain), "d%u.example", roll(dice, DOMAINS));
	query.domain = domain;
	random_world(dice, &world, &query.client);
	world.seed = roll(dice, 1000);
	world.no_room_each = ONE_IN(10) ? 2 : 0;
	code = oracle_check(&o, domain, false);
	compare(world_run_limits(&world, &query, &limits, &arena), code, &o, number);
	world_close(&world);
	arena_close(&o.arena);
	arena_close(&arena);
}

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void test_oracle(void **state)
{
	unsigned long first = number_of("SPF_ORACLE_FIRST", 1);
	unsigned long cases = number_of("SPF_ORACLE_CASES", 20000);

	(void)state;
	for (unsigned long number = first; number < first + cases; number++)
		run_case(number);
	for (int code = 0; code < SPF_CODES; code++)
		print_message("%s %u\n", spf_code_name((enum spf_code)code), codes[code]);
	print_message("%llu queries in %lu cases\n", queries, cases);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_oracle) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
