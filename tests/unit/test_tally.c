/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tally - what the engine counts: every message ends once, whatever the MTA does; facts and causes as found.
 */
#include "engine_world.h"

#include "engine/engine_internal.h"

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n";

struct counted {
	struct world world;
	struct counters *counters;
};

/* Nobody without a name gets any mail through. */
static void open_counted(struct counted *counted, const char *const *overrides)
{
	world_open_on(&counted->world, zone, overrides);
	counted->counters = counters_open();
	assert_non_null(counted->counters);
	engine_name_facts(counted->world.engine, counted->counters);
	engine_set_tally(counted->world.engine, &(struct tally){ counted->counters, 2 });
}

static void close_counted(struct counted *counted)
{
	world_close(&counted->world);
	counters_close(&counted->counters);
}

static const char *const refusing[] = { "rdns.points.none=20.0", "policy.groups=()", NULL };

static uint64_t ended(const struct counted *counted, unsigned end)
{
	return counters_get(counted->counters, COUNTER_MESSAGES_ENDED + end);
}

/* Every message has ended once, and nothing is open; the session goes on. */
static void assert_adds_up(const struct counted *counted, uint64_t messages)
{
	uint64_t sum = 0;

	for (unsigned end = 0; end < COUNTERS_ENDS; end++)
		sum += ended(counted, end);
	assert_int_equal(sum, messages);
	assert_int_equal(counters_get(counted->counters, COUNTER_MESSAGES), messages);
	assert_int_equal(counters_get_gauge(counted->counters, GAUGE_MESSAGES), 0);
}

static void a_message_ends_once(void **state)
{
	struct counted counted;
	struct world *world = &counted.world;

	(void)state;
	open_counted(&counted, refusing);
	begin(world, "192.0.2.1", "<a@example.net>");
	assert_int_equal(counters_get_gauge(counted.counters, GAUGE_MESSAGES), 1);
	rcpt(world, "<b@example.org>");
	eom(world);
	assert_adds_up(&counted, 1);
	engine_message_end(world->session);
	engine_message_end(world->session); /* RSET behind it */
	assert_int_equal(ended(&counted, ACTION_ACCEPT), 1);

	engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
	engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
	engine_helo(world->session, "client.example.net", NULL);
	assert_int_equal(ended(&counted, COUNTERS_END_ABANDONED), 2);
	engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
	engine_session_close(&world->session);
	assert_int_equal(ended(&counted, COUNTERS_END_ABANDONED), 3);
	assert_adds_up(&counted, 4);
	close_counted(&counted);
}

static void recipients_decide_how_a_message_ends(void **state)
{
	struct counted counted;
	struct world *world = &counted.world;

	(void)state;
	open_counted(&counted,
	             (const char *[]){ refusing[0], refusing[1], "exempt.recipients=[\"postmaster@\"]", NULL });
	begin(world, "192.0.2.9", "<a@example.net>");
	assert_int_equal(rcpt(world, "<b@example.org>")->action, ACTION_REJECT);
	engine_message_end(world->session);
	assert_int_equal(ended(&counted, ACTION_REJECT), 1);

	/* what one message's recipients got is nothing to the next one */
	engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
	engine_message_end(world->session);
	assert_int_equal(ended(&counted, COUNTERS_END_ABANDONED), 1);

	/* one is left to whom it could have gone */
	engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
	rcpt(world, "<b@example.org>");
	rcpt(world, "<postmaster@example.org>");
	engine_message_end(world->session);
	assert_int_equal(ended(&counted, COUNTERS_END_ABANDONED), 2);
	assert_adds_up(&counted, 3);
	assert_int_equal(counters_get(counted.counters, COUNTER_VERDICTS + STAGE_RCPT * ACTIONS + ACTION_REJECT), 2);
	close_counted(&counted);
}

static void a_refused_mail_is_a_message(void **state)
{
	struct counted counted;
	struct world *world = &counted.world;

	(void)state;
	/* nothing that is still to come could speak for it */
	open_counted(&counted, (const char *[]){ refusing[0], refusing[1], "policy.rules=()", "dnsbl.lists=()",
	                                         "exempt.recipients=[]", "exempt.authenticated=false",
	                                         "policy.decide_from=mail", NULL });
	begin(world, "192.0.2.9", "<a@example.net>");
	assert_int_equal(ended(&counted, ACTION_REJECT), 1);
	assert_int_equal(counters_get(counted.counters, COUNTER_VERDICTS + STAGE_MAIL * ACTIONS + ACTION_REJECT), 1);
	engine_message_end(world->session);
	assert_adds_up(&counted, 1);
	close_counted(&counted);
}

static uint64_t fact_count(const struct counted *counted, const char *name)
{
	return counters_get_fact(counted->counters, counters_name_fact(counted->counters, name));
}

static void facts_count_once_in_their_scope(void **state)
{
	struct counted counted;
	struct world *world = &counted.world;

	(void)state;
	open_counted(&counted,
	             (const char *[]){ "policy.rules=({name=\"any\";all=[\"rdns.none\"];points=1.0;})", NULL });
	begin(world, "192.0.2.9", "<a@example.net>");
	for (int message = 0; message < 3; message++) {
		engine_mail(world->session, "<a@example.net>", NULL, NULL, NULL);
		rcpt(world, "<b@example.org>");
		eom(world);
		engine_message_end(world->session);
	}
	assert_int_equal(fact_count(&counted, "rdns.none"), 1);
	assert_int_equal(fact_count(&counted, "dkim.none"), 3);
	assert_int_equal(fact_count(&counted, "rule.any"), 3);
	assert_int_equal(fact_count(&counted, "rdns.confirmed"), 0);
	close_counted(&counted);
}

static void a_cause_is_no_part_of_a_name(void **state)
{
	static const struct {
		const char *detail;
		enum counters_cause cause;
	} cases[] = {
		{ "timeout", COUNTERS_CAUSE_TIMEOUT },
		{ "servfail", COUNTERS_CAUSE_SERVFAIL },
		{ "bogus", COUNTERS_CAUSE_BOGUS },
		{ "limit", COUNTERS_CAUSE_LIMIT },
		{ "error 127.255.255.254", COUNTERS_CAUSE_ERROR },
		{ "unknown code 127.0.0.99", COUNTERS_CAUSE_UNKNOWN_CODE },
		{ "timeout.example: servfail", COUNTERS_CAUSE_SERVFAIL },
		{ "a-timeout include:x: limit", COUNTERS_CAUSE_LIMIT },
		{ "example.net (servfail)", COUNTERS_CAUSE_SERVFAIL },
		{ "timeouts", COUNTERS_CAUSE_OTHER },
		{ "spf", COUNTERS_CAUSE_OTHER },
		{ "", COUNTERS_CAUSE_OTHER },
	};
	struct counted counted;

	(void)state;
	open_counted(&counted, NULL);
	const fact_id id = catalogue_find(engine_catalogue(counted.world.engine), "rdns.unsure");
	assert_int_not_equal(id, FACT_NO_ID);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const unsigned counter = COUNTER_UNSURE + (unsigned)cases[i].cause;
		const uint64_t before = counters_get(counted.counters, counter);
		tally_fact(counted.world.session, id, cases[i].detail);
		assert_int_equal(counters_get(counted.counters, counter), before + 1);
	}
	assert_int_equal(fact_count(&counted, "rdns.unsure"), COUNT(cases));
	close_counted(&counted);
}

/* Tools and tests count nowhere. */
static void without_a_tally_nothing_happens(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, refusing);
	begin(&world, "192.0.2.9", "<a@example.net>");
	assert_int_equal(rcpt(&world, "<b@example.org>")->action, ACTION_REJECT);
	engine_message_end(world.session);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_ends_once),          cmocka_unit_test(recipients_decide_how_a_message_ends),
		cmocka_unit_test(a_refused_mail_is_a_message),  cmocka_unit_test(facts_count_once_in_their_scope),
		cmocka_unit_test(a_cause_is_no_part_of_a_name), cmocka_unit_test(without_a_tally_nothing_happens),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
