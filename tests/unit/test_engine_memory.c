/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_engine_memory - what a session takes, and what becomes of its messages when it has taken too much.
 */
#include "engine_world.h"

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n"
			   "2.2.0.192.bl.example A 127.0.0.2\n";

#define BLOCK_LIST \
	"{ name = \"bl\"; zone = \"bl.example\"; codes = ( { code = \"127.0.0.2\"; name = \"yes\"; points = 12.0; } ); }"

/*
 * Whoever makes us use up a session's memory buys nothing: what was found until then still refuses him. Only where that
 * does not decide does on_fault.
 */
static void used_up_memory_excuses_nobody(void **state)
{
	static const struct {
		const char *client, *on_fault;
		enum action action;
		const char *decided_by;
	} cases[] = {
		{ "192.0.2.2", "on_fault=accept", ACTION_REJECT, "score" }, /* listed */
		{ "192.0.2.2", "on_fault=defer", ACTION_REJECT, "score" },
		{ "192.0.2.1", "on_fault=accept", ACTION_ACCEPT, "fault" },
		{ "192.0.2.1", "on_fault=defer", ACTION_DEFER, "fault" },
	};
	static const char *const stages[] = { "policy.decide_from=rcpt", "policy.decide_from=eom" };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		struct world world;
		const size_t at = i / 2;
		world_open_on(
			&world, zone,
			(const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", cases[at].on_fault, stages[i % 2], NULL });
		begin(&world, cases[at].client, "<a@example.net>");
		for (int k = 0; k < 64; k++)
			(void)arena_alloc(engine_message_arena(world.session), 1 << 16);
		const struct decision *decision = rcpt(&world, "<b@example.org>");
		if (!decision->final)
			decision = eom(&world);
		assert_int_equal(decision->action, cases[at].action);
		assert_string_equal(decision->decided_by, cases[at].decided_by);
		world_close(&world);
	}
}

/* The zone answers at once: whoever waits for the client's next command waits for nothing else. */
static void an_idle_session_is_small(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	assert_true(engine_session_octets(world.session) < 800);
	connect_from(&world, "192.0.2.1");
	assert_true(engine_session_octets(world.session) < 1200);
	begin(&world, "192.0.2.1", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	assert_true(engine_session_octets(world.session) < 2600);
	engine_message_end(world.session); /* between messages, with what was found about the HELO name */
	assert_true(engine_session_octets(world.session) < 1700);
	world_close(&world);
}

/* However many messages came before, and however they ended. */
static void no_message_leaves_anything_behind(void **state)
{
	struct world world;
	size_t before = 0;

	(void)state;
	world_open_on(&world, zone, NULL);
	connect_from(&world, "192.0.2.1");
	engine_helo(world.session, "client.example.net", NULL);
	for (int k = 0; k < 100; k++) {
		engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
		for (int i = 0; i < 10; i++)
			rcpt(&world, "<b@example.org>");
		if (k % 3 == 0)
			eom(&world);
		if (k % 3 == 1)
			engine_header(world.session, "From", " A <a@example.net>");
		engine_message_end(world.session);
		if (k == 0)
			before = engine_session_octets(world.session);
		assert_int_equal(engine_session_octets(world.session), before);
	}
	world_close(&world);
}

/* For each recipient a message keeps its address, and nothing else where nothing is known of it alone. */
static void recipients_cost_what_their_addresses_do(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	begin(&world, "192.0.2.1", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	const size_t one = engine_session_octets(world.session);
	for (int i = 1; i < ENGINE_RECIPIENTS_MAX; i++)
		rcpt(&world, "<b@example.org>");
	assert_true(engine_session_octets(world.session) - one < 80 * ENGINE_RECIPIENTS_MAX);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_up_memory_excuses_nobody),
		cmocka_unit_test(an_idle_session_is_small),
		cmocka_unit_test(no_message_leaves_anything_behind),
		cmocka_unit_test(recipients_cost_what_their_addresses_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
