/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_probe - the service that asks mail servers how they greet, against servers of many kinds on loopback addresses:
 * what each is found to be, what is said to it, what is remembered, and that all limits hold.
 */
#include "probe_kinds.h"
#include "probe_peers.h"

#include "base/base.h"
#include "net/probe.h"

#define FAR_MS   60000 /* no deadline comes near */
#define SHORT_MS 2000  /* a deadline that is meant to pass */
#define US       "mx.example.com"

static struct net loopback;

static struct probe_settings settings_for(const struct peers *peers)
{
	struct probe_settings settings = probe_default_settings();

	assert_true(net_parse(&loopback, "127.0.0.0/24"));
	settings.port = peers->port;
	settings.connect_ms = settings.step_ms = settings.total_ms = FAR_MS;
	settings.tested = (struct special_nets){ &loopback, 1 };
	return settings;
}

static struct probe *open_probe(const struct probe_settings *settings)
{
	struct err err = { "" };
	struct probe *probe = probe_open(settings, &err);

	if (probe == NULL)
		fail_msg("%s", err.text);
	return probe;
}

static void wake(void *context)
{
	atomic_fetch_add((atomic_int *)context, 1);
}

static struct probe_ticket *ask_until(struct probe *probe, const struct ip *ip, const char *name, int ms,
                                      atomic_int *woken)
{
	const struct probe_question question = {
		.address = *ip,
		.name = name,
		.ehlo_name = US,
		.deadline = clock_now() + ms,
		.wake = woken != NULL ? wake : NULL,
		.context = woken,
	};

	return probe_ask(probe, &question);
}

static struct probe_ticket *ask(struct probe *probe, const struct peer *peer, const char *name)
{
	return ask_until(probe, &peer->ip, name, FAR_MS, NULL);
}

static struct probe_reply wait_for(struct probe_ticket *ticket)
{
	struct probe_reply reply;

	for (int i = 0; !probe_poll(ticket, &reply); i++) {
		if (i > 2 * FAR_MS / 2)
			fail_msg("never answered");
		poll(NULL, 0, 2);
	}
	probe_drop(&ticket);
	assert_null(ticket);
	return reply;
}

static struct probe_reply ask_and_wait(struct probe *probe, const struct peer *peer, const char *name)
{
	return wait_for(ask(probe, peer, name));
}

/* ---- what they are ---- */

static void assert_kind(const struct kind_case *kind, const struct probe_reply *reply)
{
	if (reply->outcome != kind->outcome || (kind->code != 0 && reply->code != kind->code) ||
	    strcmp(reply->greeting, kind->greeting) != 0 || strcmp(reply->ehlo, kind->ehlo) != 0 ||
	    (kind->why != NULL && strcmp(reply->why, kind->why) != 0))
		fail_msg("%s: %s, code %d, greeting \"%s\", ehlo \"%s\", why \"%s\"", kind->what,
		         probe_outcome_name(reply->outcome), reply->code, reply->greeting, reply->ehlo, reply->why);
}

static void test_kinds(void **unused)
{
	struct peer list[COUNT(kinds)];
	struct probe_ticket *tickets[COUNT(kinds)];
	struct probe_settings settings;
	struct peers peers;

	(void)unused;
	for (size_t i = 0; i < COUNT(kinds); i++)
		list[i] = kinds[i].peer;
	peers_open(&peers, list, COUNT(kinds));
	settings = settings_for(&peers);
	/* all at once: none keeps another one waiting. A name that none of them has: nobody is told early. */
	for (int hurries = 0; hurries <= 1; hurries++) {
		struct probe *probe;
		if (hurries)
			settings.connect_ms = settings.step_ms = SHORT_MS;
		probe = open_probe(&settings);
		for (size_t i = 0; i < COUNT(kinds); i++)
			tickets[i] = kinds[i].hurries == hurries ? ask(probe, &list[i], "x.example.org") : NULL;
		for (size_t i = 0; i < COUNT(kinds); i++) {
			if (tickets[i] == NULL)
				continue;
			const struct probe_reply reply = wait_for(tickets[i]);
			assert_kind(&kinds[i], &reply);
		}
		probe_close(&probe);
		assert_null(probe);
	}
	peers_close(&peers);
}

/* ---- what is said to them ---- */

static void test_manners(void **unused)
{
	struct peer list[] = {
		{ .kind = PEER_TALKS, PEER_GOOD(NAME) },
		{ .kind = PEER_TALKS, PEER_GOOD(NAME) },
		{ .kind = PEER_TALKS, PEER_BANNER("554 No\r\n"), .ehlo = "" },
		{ .kind = PEER_TALKS, PEER_BANNER("SSH-2.0-server\r\n"), .ehlo = "" },
	};
	struct probe_settings settings;
	struct probe_question question = { .name = NAME, .ehlo_name = "no name\r\nDATA" };
	char heard[PEER_HEARD_MAX];
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	probe = open_probe(&settings);
	ask_and_wait(probe, &list[0], NAME);
	assert_string_equal(peer_heard(&list[0], 1, heard), "EHLO " US "\r\nQUIT\r\n");
	question.address = list[1].ip;
	question.deadline = clock_now() + FAR_MS;
	wait_for(probe_ask(probe, &question));
	assert_string_equal(peer_heard(&list[1], 1, heard), "EHLO [127.0.0.1]\r\nQUIT\r\n");
	ask_and_wait(probe, &list[2], NAME);
	assert_string_equal(peer_heard(&list[2], 1, heard), "QUIT\r\n");
	ask_and_wait(probe, &list[3], NAME);
	assert_string_equal(peer_heard(&list[3], 1, heard), "");
	probe_close(&probe);
	peers_close(&peers);
}

/* Who hears the expected name in the greeting need not wait for the answer to EHLO. */
static void test_early_match(void **unused)
{
	struct peer list[] = { { .kind = PEER_TALKS, PEER_BANNER("220 " NAME "\r\n"), .ehlo = "" } };
	struct probe_settings settings;
	struct probe_reply reply;
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	probe = open_probe(&settings);
	reply = ask_and_wait(probe, &list[0], NAME); /* would take FAR_MS */
	assert_true(probe_names(&reply, NAME));
	probe_close(&probe); /* with the conversation going on */
	peers_close(&peers);
}

/* ---- limits ---- */

static void assert_stats(struct probe *probe, uint64_t remembered, uint64_t joined, uint64_t connected,
                         uint64_t limited, uint64_t forbidden)
{
	struct probe_stats stats;

	probe_get_stats(probe, &stats);
	assert_int_equal(stats.remembered, remembered);
	assert_int_equal(stats.joined, joined);
	assert_int_equal(stats.connected, connected);
	assert_int_equal(stats.limited, limited);
	assert_int_equal(stats.forbidden, forbidden);
	assert_int_equal(stats.asked, remembered + joined + connected + limited + forbidden);
}

static void test_memory(void **unused)
{
	struct peer list[] = { { .kind = PEER_TALKS, PEER_GOOD(NAME) }, { .kind = PEER_ABSENT } };
	struct probe_settings settings;
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	probe = open_probe(&settings);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask_and_wait(probe, &list[0], "x.example.org").outcome, PROBE_GREETED);
		assert_int_equal(ask_and_wait(probe, &list[1], NAME).outcome, PROBE_REFUSED);
	}
	assert_stats(probe, 8, 0, 2, 0, 0);
	assert_int_equal(atomic_load(&list[0].accepted), 1);
	probe_close(&probe);
	peers_close(&peers);
}

static void test_hourly_limit(void **unused)
{
	struct peer list[] = { { .kind = PEER_TALKS, PEER_GOOD(NAME) }, { .kind = PEER_TALKS, PEER_GOOD(NAME) } };
	struct probe_settings settings;
	struct peers peers;
	struct probe *probe;
	char heard[PEER_HEARD_MAX];

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	settings.match_ttl_s = settings.other_ttl_s = 0; /* nothing is remembered */
	settings.address_hour_max = 2;
	settings.net_hour_max = 3;
	probe = open_probe(&settings);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(ask_and_wait(probe, &list[0], "x.example.org").outcome, PROBE_GREETED);
		peer_heard(&list[0], i, heard);
	}
	assert_int_equal(ask_and_wait(probe, &list[0], NAME).outcome, PROBE_LIMITED);
	assert_int_equal(ask_and_wait(probe, &list[1], "x.example.org").outcome, PROBE_GREETED);
	peer_heard(&list[1], 1, heard);
	assert_int_equal(ask_and_wait(probe, &list[1], NAME).outcome, PROBE_LIMITED); /* the network's limit */
	assert_stats(probe, 0, 0, 3, 2, 0);
	probe_close(&probe);
	peers_close(&peers);
	assert_int_equal(atomic_load(&list[0].accepted), 2);
	assert_int_equal(atomic_load(&list[1].accepted), 1);
}

static void test_at_once(void **unused)
{
	struct peer list[] = { { .kind = PEER_GATED, PEER_GOOD(NAME) },
		               { .kind = PEER_GATED, PEER_GOOD(NAME) },
		               { .kind = PEER_GATED, PEER_GOOD(NAME) } };
	struct probe_settings settings;
	struct probe_ticket *tickets[12];
	atomic_int woken = 0;
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	settings.probes_max = 2;
	probe = open_probe(&settings);
	/* six for each of two share two conversations */
	for (size_t i = 0; i < COUNT(tickets); i++)
		tickets[i] = ask_until(probe, &list[i % 2].ip, "x.example.org", FAR_MS, &woken);
	assert_int_equal(ask_and_wait(probe, &list[2], NAME).outcome, PROBE_LIMITED);
	assert_stats(probe, 0, 10, 2, 1, 0);
	assert_int_equal(atomic_load(&woken), 0);
	probe_drop(&tickets[5]); /* one of them no longer wants to know */
	atomic_store(&peers.gate, 1);
	for (size_t i = 0; i < COUNT(tickets); i++) {
		if (tickets[i] != NULL)
			assert_int_equal(wait_for(tickets[i]).outcome, PROBE_GREETED);
	}
	assert_int_equal(atomic_load(&woken), COUNT(tickets) - 1);
	probe_close(&probe);
	peers_close(&peers);
	assert_int_equal(atomic_load(&list[0].accepted), 1);
	assert_int_equal(atomic_load(&list[1].accepted), 1);
	assert_int_equal(atomic_load(&list[2].accepted), 0);
}

/* Who cannot wait is told so; what is heard afterwards is remembered. */
static void test_late(void **unused)
{
	struct peer list[] = { { .kind = PEER_GATED, PEER_GOOD(NAME) } };
	struct probe_settings settings;
	struct probe_ticket *patient;
	struct probe_reply reply;
	atomic_int woken = 0;
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	probe = open_probe(&settings);
	patient = ask(probe, &list[0], NAME);
	reply = wait_for(ask_until(probe, &list[0].ip, NAME, 50, &woken));
	assert_int_equal(reply.outcome, PROBE_UNSURE);
	assert_string_equal(reply.why, "timeout");
	assert_int_equal(atomic_load(&woken), 1);
	reply = wait_for(ask_until(probe, &list[0].ip, NAME, -1, &woken));
	assert_int_equal(reply.outcome, PROBE_UNSURE);
	assert_false(probe_poll(patient, &reply));
	probe_drop(&patient);
	probe_drop(&patient);
	atomic_store(&peers.gate, 1);
	assert_int_equal(ask_and_wait(probe, &list[0], NAME).outcome, PROBE_GREETED);
	probe_close(&probe);
	peers_close(&peers);
	assert_int_equal(atomic_load(&list[0].accepted), 1);
}

/* ---- where it never goes ---- */

static void test_forbidden(void **unused)
{
	static const char *const addresses[] = { "127.0.0.10",         "::1",       "::ffff:127.0.0.10", "10.0.0.1",
		                                 "64:ff9b::7f00:a",    "0.0.0.0",   "192.168.1.1",       "fe80::1",
		                                 "64:ff9b:1::7f00:a",  "::",        "169.254.169.254",   "fd00::1",
		                                 "2002:7f00:a::1",     "192.0.2.1", "255.255.255.255",   "ff02::1",
		                                 "2001:0:7f00:a::80ff" };
	struct peer list[] = { { .kind = PEER_TALKS, PEER_GOOD(NAME) } };
	struct probe_settings settings;
	struct probe_stats stats;
	struct peers peers;
	struct probe *probe;
	struct ip ip;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	settings.tested.n = 0;
	probe = open_probe(&settings);
	for (size_t i = 0; i < COUNT(addresses); i++) {
		assert_true(ip_parse(&ip, addresses[i]));
		assert_non_null(probe_forbids(probe, &ip));
		assert_int_equal(wait_for(ask_until(probe, &ip, NAME, FAR_MS, NULL)).outcome, PROBE_FORBIDDEN);
	}
	probe_get_stats(probe, &stats);
	assert_int_equal(stats.forbidden, COUNT(addresses));
	assert_int_equal(stats.connected, 0);
	probe_close(&probe);
	peers_close(&peers);
	assert_int_equal(atomic_load(&list[0].accepted), 0);
}

/* ---- many sessions ---- */

#define THREADS 4
#define ROUNDS  60

struct crowd {
	struct probe *probe;
	const struct peer *peers;
	size_t n;
	unsigned seed;
	size_t answered;
};

static void *crowd_run(void *context)
{
	struct crowd *crowd = context;
	atomic_int woken = 0;

	for (int i = 0; i < ROUNDS; i++) {
		crowd->seed = crowd->seed * 1664525 + 1013904223;
		const struct peer *peer = &crowd->peers[(crowd->seed >> 16) % crowd->n];
		struct probe_ticket *ticket = ask_until(crowd->probe, &peer->ip, NAME, FAR_MS, &woken);
		if (i % 3 == 0) {
			probe_drop(&ticket);
			continue;
		}
		wait_for(ticket);
		crowd->answered++;
	}
	return NULL;
}

static void test_crowd(void **unused)
{
	struct peer list[] = {
		{ .kind = PEER_TALKS, PEER_GOOD(NAME) },
		{ .kind = PEER_TALKS, PEER_GOOD("a.example.net") },
		{ .kind = PEER_CLOSES },
		{ .kind = PEER_RESETS },
		{ .kind = PEER_ABSENT },
		{ .kind = PEER_TALKS, PEER_BANNER("554 No\r\n"), .ehlo = "" },
	};
	struct crowd crowds[THREADS];
	pthread_t threads[THREADS];
	struct probe_settings settings;
	struct peers peers;
	struct probe *probe;

	(void)unused;
	peers_open(&peers, list, COUNT(list));
	settings = settings_for(&peers);
	settings.match_ttl_s = settings.other_ttl_s = 0;
	settings.address_hour_max = settings.net_hour_max = 1000;
	settings.probes_max = 5;
	probe = open_probe(&settings);
	for (unsigned i = 0; i < THREADS; i++) {
		crowds[i] = (struct crowd){ .probe = probe, .peers = list, .n = COUNT(list), .seed = i };
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowds[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowds[i].answered, ROUNDS - ROUNDS / 3);
	}
	probe_close(&probe);
	peers_close(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),  cmocka_unit_test(test_manners),      cmocka_unit_test(test_early_match),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_hourly_limit), cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_late),   cmocka_unit_test(test_forbidden),    cmocka_unit_test(test_crowd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
