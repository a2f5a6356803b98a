/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of the DNS layer's front, one question after the other; the test is the resolver and moves the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns_fixture.h"

static void test_three_outcomes(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *q[5];
	const char *const names[] = { "found.example", "nx.example", "nodata.example", "servfail.example",
		                      "bogus.example" };
	for (size_t i = 0; i < COUNT(q); i++) {
		q[i] = ask(&f, names[i], DNS_FLAG_NONE);
		expect(q[i], DNS_PENDING, DNS_WHY_NOTHING);
	}
	assert_int_equal(dns_session_outstanding(f.session), 5);
	hand_found(&f.hand, 0, 300, 7);
	hand_none(&f.hand, 1, 60, PACKET_NXDOMAIN);
	hand_none(&f.hand, 2, 60, PACKET_NOERROR);
	hand_unsure(&f.hand, 3, DNS_WHY_SERVFAIL);
	hand_unsure(&f.hand, 4, DNS_WHY_BOGUS);
	assert_int_equal(dns_session_outstanding(f.session), 0);
	expect(q[0], DNS_FOUND, DNS_WHY_NOTHING);
	expect(q[1], DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(q[2], DNS_NONE, DNS_WHY_NODATA);
	expect(q[3], DNS_UNSURE, DNS_WHY_SERVFAIL);
	expect(q[4], DNS_UNSURE, DNS_WHY_BOGUS);
	const struct dns_answer *answer = answer_of(q[0]);
	assert_int_equal(answer->n_records, 1);
	assert_int_equal(answer->records[0].ip.family, 4);
	assert_int_equal(answer->records[0].ip.octets[3], 7);
	assert_int_equal(answer->ttl_s, 300);
	assert_true(answer->secure);
	assert_false(answer->cached);
	assert_false(answer->stale);
	assert_int_equal(answer_of(q[1])->ttl_s, 60);
	struct dns_question *bad = ask(&f, "no..name.example", DNS_FLAG_NONE);
	expect(bad, DNS_NONE, DNS_WHY_BAD_NAME);
	assert_int_equal(hand_count(&f.hand), 5);
	struct dns_stats s = stats_of(&f);
	expect_sums(&s, 0);
	assert_int_equal(s.asked, 6);
	assert_int_equal(s.miss, 5);
	assert_int_equal(s.none, 3);
	assert_int_equal(s.latency_n, 5);
	assert_int_equal(s.outstanding, 0);
	assert_int_equal(dns_session_asked(f.session), 6);
	close_fixture(&f);
}

static void test_answer_survives_cache_and_change(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *first = ask(&f, "Host.Example.", DNS_FLAG_NONE);
	hand_found(&f.hand, 0, 100, 1);
	const struct dns_answer *answer = answer_of(first);
	atomic_fetch_add(&hand_clock, 40 * S);
	struct dns_question *second = ask(&f, "hOST.eXAMPLE", DNS_FLAG_NONE);
	const struct dns_answer *cached = answer_of(second);
	assert_true(cached->cached);
	assert_int_equal(cached->ttl_s, 60);
	assert_int_equal(hand_count(&f.hand), 1);
	atomic_fetch_add(&hand_clock, 61 * S);
	struct dns_question *third = ask(&f, "host.example", DNS_FLAG_NONE);
	hand_found(&f.hand, 1, 100, 2);
	assert_int_equal(answer_of(third)->records[0].ip.octets[3], 2);
	assert_int_equal(answer->records[0].ip.octets[3], 1);
	assert_int_equal(cached->records[0].ip.octets[3], 1);
	/* the type is part of the question */
	struct dns_question *other = dns_ask(f.session, &f.arena, "host.example", DNS_AAAA, DNS_FLAG_NONE);
	expect(other, DNS_PENDING, DNS_WHY_NOTHING);
	assert_int_equal(hand_count(&f.hand), 3);
	close_fixture(&f);
}

static void test_ttl_rules(void **state)
{
	static const struct {
		bool found;
		uint32_t ttl_s;
		int64_t held_s;
	} cases[] = {
		{ true, 0, 5 },  { true, 4, 5 },    { true, 6, 6 },      { true, 3600, 3600 }, { true, 86400, 3600 },
		{ false, 0, 5 }, { false, 60, 60 }, { false, 900, 900 }, { false, 901, 900 },  { false, 86400, 900 },
	};
	struct dns_settings settings = dns_default_settings();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;
		open_fixture(&f, &settings);
		ask(&f, "a.example", DNS_FLAG_NONE);
		if (cases[i].found)
			hand_found(&f.hand, 0, cases[i].ttl_s, 1);
		else
			hand_none(&f.hand, 0, cases[i].ttl_s, PACKET_NXDOMAIN);
		atomic_fetch_add(&hand_clock, cases[i].held_s * S - 1);
		expect(ask(&f, "a.example", DNS_FLAG_NONE), cases[i].found ? DNS_FOUND : DNS_NONE,
		       cases[i].found ? DNS_WHY_NOTHING : DNS_WHY_NXDOMAIN);
		atomic_fetch_add(&hand_clock, 1);
		expect(ask(&f, "a.example", DNS_FLAG_NONE), DNS_PENDING, DNS_WHY_NOTHING);
		assert_int_equal(hand_count(&f.hand), 2);
		close_fixture(&f);
	}
}

static void test_failures_are_remembered(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	ask(&f, "a.example", DNS_FLAG_NONE);
	hand_unsure(&f.hand, 0, DNS_WHY_BOGUS);
	atomic_fetch_add(&hand_clock, 5 * S - 1);
	struct dns_question *q = ask(&f, "a.example", DNS_FLAG_NONE);
	expect(q, DNS_UNSURE, DNS_WHY_BOGUS);
	assert_true(answer_of(q)->cached);
	atomic_fetch_add(&hand_clock, 1);
	expect(ask(&f, "a.example", DNS_FLAG_NONE), DNS_PENDING, DNS_WHY_NOTHING);
	close_fixture(&f);
}

static void test_garbage_is_unsure(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *q = ask(&f, "a.example", DNS_FLAG_NONE);
	uint8_t garbage[] = "nothing that a name server would say";
	const struct dns_backend_answer answer = { .status = DNS_NONE,
		                                   .packet = garbage,
		                                   .packet_octets = sizeof garbage };
	dns_done(hand_take(&f.hand, 0), &answer);
	expect(q, DNS_UNSURE, DNS_WHY_SERVFAIL);
	close_fixture(&f);
}

static void test_deadline_and_late_answer(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *q = ask(&f, "late.example", DNS_FLAG_NONE);
	atomic_fetch_add(&hand_clock, 5 * S - 1);
	expect(q, DNS_PENDING, DNS_WHY_NOTHING);
	atomic_fetch_add(&hand_clock, 1);
	expect(q, DNS_UNSURE, DNS_WHY_TIMEOUT);
	assert_int_equal(dns_session_outstanding(f.session), 0);
	/* while the query goes on, nobody waits for it in vain */
	struct dns_question *second = ask(&f, "late.example", DNS_FLAG_NONE);
	expect(second, DNS_UNSURE, DNS_WHY_TIMEOUT);
	assert_true(answer_of(second)->cached);
	assert_int_equal(stats_of(&f).outstanding, 1);
	hand_found(&f.hand, 0, 60, 9);
	expect(q, DNS_UNSURE, DNS_WHY_TIMEOUT);
	expect(ask(&f, "late.example", DNS_FLAG_NONE), DNS_FOUND, DNS_WHY_NOTHING);
	assert_int_equal(hand_count(&f.hand), 1);
	struct dns_stats s = stats_of(&f);
	expect_sums(&s, 0);
	assert_int_equal(s.late, 1);
	assert_int_equal(s.unsure_timeout, 2);
	close_fixture(&f);
}

static void test_timeout_window_ends(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *q = ask(&f, "dead.example", DNS_FLAG_NONE);
	atomic_fetch_add(&hand_clock, 20 * S - 1);
	expect(q, DNS_UNSURE, DNS_WHY_TIMEOUT);
	expect(ask(&f, "dead.example", DNS_FLAG_NONE), DNS_UNSURE, DNS_WHY_TIMEOUT);
	atomic_fetch_add(&hand_clock, 1);
	struct dns_question *again = ask(&f, "dead.example", DNS_FLAG_NONE);
	expect(again, DNS_PENDING, DNS_WHY_NOTHING);
	assert_int_equal(hand_count(&f.hand), 1); /* the query still goes on: it is joined, not repeated */
	/* in vain once more: the same again for who comes next */
	atomic_fetch_add(&hand_clock, 5 * S);
	expect(ask(&f, "dead.example", DNS_FLAG_NONE), DNS_UNSURE, DNS_WHY_TIMEOUT);
	atomic_fetch_add(&hand_clock, 15 * S);
	struct dns_question *lucky = ask(&f, "dead.example", DNS_FLAG_NONE);
	expect(lucky, DNS_PENDING, DNS_WHY_NOTHING);
	hand_found(&f.hand, 0, 60, 3);
	expect(lucky, DNS_FOUND, DNS_WHY_NOTHING);
	expect(again, DNS_FOUND, DNS_WHY_NOTHING); /* overdue, but nobody had looked */
	close_fixture(&f);
}

static void test_cancel(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	struct dns_question *a = ask(&f, "a.example", DNS_FLAG_NONE);
	struct dns_question *b = ask(&f, "a.example", DNS_FLAG_NONE);
	struct dns_question *c = ask(&f, "a.example", DNS_FLAG_NONE);
	dns_cancel(NULL);
	dns_cancel(b);
	dns_cancel(c);
	assert_int_equal(dns_session_outstanding(f.session), 1);
	hand_found(&f.hand, 0, 60, 4);
	dns_cancel(a); /* answered, not looked at */
	assert_int_equal(dns_session_outstanding(f.session), 0);
	struct dns_question *d = ask(&f, "a.example", DNS_FLAG_NONE);
	expect(d, DNS_FOUND, DNS_WHY_NOTHING);
	dns_cancel(d);
	/* a cancelled question's answer still fills the cache */
	dns_cancel(ask(&f, "b.example", DNS_FLAG_NONE));
	hand_found(&f.hand, 1, 60, 5);
	expect(ask(&f, "b.example", DNS_FLAG_NONE), DNS_FOUND, DNS_WHY_NOTHING);
	struct dns_stats s = stats_of(&f);
	expect_sums(&s, 0);
	assert_int_equal(s.abandoned, 3);
	/* closing a session cancels what is open and what nobody looked at */
	ask(&f, "c.example", DNS_FLAG_NONE);
	ask(&f, "d.example", DNS_FLAG_NONE);
	hand_found(&f.hand, 2, 60, 6);
	close_fixture(&f);
}

static void test_limits(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;
	char name[32];

	(void)state;
	settings.session_outstanding_max = 4;
	settings.outstanding_max = 6;
	open_fixture(&f, &settings);
	struct dns_session *other = dns_session_open(f.dns);
	struct dns_question *q[4];
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		q[i] = ask(&f, name, DNS_FLAG_NONE);
		expect(q[i], DNS_PENDING, DNS_WHY_NOTHING);
	}
	expect(ask(&f, "n9.example", DNS_FLAG_NONE), DNS_UNSURE, DNS_WHY_LIMIT);
	expect(ask(&f, "n0.example", DNS_FLAG_NONE), DNS_UNSURE, DNS_WHY_LIMIT); /* joining counts as well */
	expect(dns_ask(other, &f.arena, "n4.example", DNS_A, 0), DNS_PENDING, DNS_WHY_NOTHING);
	expect(dns_ask(other, &f.arena, "n5.example", DNS_A, 0), DNS_PENDING, DNS_WHY_NOTHING);
	expect(dns_ask(other, &f.arena, "n6.example", DNS_A, 0), DNS_UNSURE, DNS_WHY_LIMIT);
	/* joining takes no place in the resolver */
	expect(dns_ask(other, &f.arena, "n0.example", DNS_A, 0), DNS_PENDING, DNS_WHY_NOTHING);
	struct dns_stats s = stats_of(&f);
	assert_int_equal(s.outstanding, 6);
	assert_int_equal(s.limited, 3);
	expect_sums(&s, 7);
	/* a cancelled question keeps the resolver's place, not the session's */
	dns_cancel(q[3]);
	expect(ask(&f, "n7.example", DNS_FLAG_NONE), DNS_UNSURE, DNS_WHY_LIMIT);
	hand_found(&f.hand, 3, 60, 1);
	expect(ask(&f, "n7.example", DNS_FLAG_NONE), DNS_PENDING, DNS_WHY_NOTHING);
	dns_session_close(&other);
	close_fixture(&f);
}

static void test_stale(void **state)
{
	static const struct {
		const char *what;
		int64_t age_s; /* beyond the TTL */
		unsigned flags;
		bool stale;
	} cases[] = {
		{ "just expired", 0, DNS_FLAG_NONE, true },
		{ "never for lists", 0, DNS_FLAG_NO_STALE, false },
		{ "last moment", 3590, DNS_FLAG_NONE, true },
		{ "too old", 3600, DNS_FLAG_NONE, false },
	};
	static const enum dns_why whys[] = { DNS_WHY_SERVFAIL, DNS_WHY_BOGUS, DNS_WHY_TIMEOUT };
	struct dns_settings settings = dns_default_settings();

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * COUNT(whys); i++) {
		enum dns_why why = whys[i % COUNT(whys)];
		size_t c = i / COUNT(whys);
		struct fixture f;
		open_fixture(&f, &settings);
		ask(&f, "a.example", DNS_FLAG_NONE);
		hand_found(&f.hand, 0, 60, 1);
		atomic_fetch_add(&hand_clock, (60 + cases[c].age_s) * S);
		struct dns_question *q = ask(&f, "a.example", cases[c].flags);
		expect(q, DNS_PENDING, DNS_WHY_NOTHING); /* never instead of asking */
		if (why == DNS_WHY_TIMEOUT)
			atomic_fetch_add(&hand_clock, 5 * S);
		else
			hand_unsure(&f.hand, 1, why);
		/* the asker, and one that comes while the failure is remembered */
		struct dns_question *both[] = { q, ask(&f, "a.example", cases[c].flags) };
		for (size_t k = 0; k < COUNT(both); k++) {
			if (cases[c].stale)
				expect(both[k], DNS_FOUND, DNS_WHY_NOTHING);
			else
				expect(both[k], DNS_UNSURE, why);
			assert_int_equal(answer_of(both[k])->stale, cases[c].stale);
			assert_int_equal(answer_of(both[k])->ttl_s, 0);
		}
		struct dns_stats s = stats_of(&f);
		assert_int_equal(s.stale, cases[c].stale ? 2 : 0);
		expect_sums(&s, 0);
		close_fixture(&f);
	}
}

static void test_stale_ends_with_an_answer(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	ask(&f, "a.example", DNS_FLAG_NONE);
	hand_found(&f.hand, 0, 60, 1);
	atomic_fetch_add(&hand_clock, 60 * S);
	struct dns_question *q = ask(&f, "a.example", DNS_FLAG_NONE);
	hand_none(&f.hand, 1, 60, PACKET_NXDOMAIN);
	expect(q, DNS_NONE, DNS_WHY_NXDOMAIN);
	/* an absent name may be stale as well */
	atomic_fetch_add(&hand_clock, 61 * S);
	q = ask(&f, "a.example", DNS_FLAG_NONE);
	hand_unsure(&f.hand, 2, DNS_WHY_SERVFAIL);
	expect(q, DNS_NONE, DNS_WHY_NXDOMAIN);
	assert_true(answer_of(q)->stale);
	close_fixture(&f);
}

static void test_stale_at_the_limit(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	settings.outstanding_max = 1;
	open_fixture(&f, &settings);
	ask(&f, "a.example", DNS_FLAG_NONE);
	hand_found(&f.hand, 0, 60, 1);
	ask(&f, "b.example", DNS_FLAG_NONE);
	atomic_fetch_add(&hand_clock, 60 * S);
	expect(ask(&f, "a.example", DNS_FLAG_NONE), DNS_FOUND, DNS_WHY_NOTHING);
	expect(ask(&f, "a.example", DNS_FLAG_NO_STALE), DNS_UNSURE, DNS_WHY_LIMIT);
	struct dns_stats s = stats_of(&f);
	assert_int_equal(s.limited, 1);
	assert_int_equal(s.hit, 1);
	assert_int_equal(s.stale, 1);
	expect_sums(&s, 1);
	close_fixture(&f);
}

static void test_session_wait(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	open_fixture(&f, &settings);
	assert_true(dns_session_wait(f.session, hand_now() + 1000 * S)); /* nothing is open */
	struct dns_question *a = ask(&f, "a.example", DNS_FLAG_NONE);
	struct dns_question *b = ask(&f, "b.example", DNS_FLAG_NONE);
	assert_false(dns_session_wait(f.session, hand_now()));
	hand_found(&f.hand, 1, 60, 1);
	assert_true(dns_session_wait(f.session, hand_now() + 1000 * S));
	expect(a, DNS_PENDING, DNS_WHY_NOTHING);
	expect(b, DNS_FOUND, DNS_WHY_NOTHING);
	assert_false(dns_session_wait(f.session, hand_now()));
	/* an answer that was looked at before the wait is news all the same, once */
	struct dns_question *seen = ask(&f, "seen.example", DNS_FLAG_NONE);
	hand_found(&f.hand, 2, 60, 1);
	expect(seen, DNS_FOUND, DNS_WHY_NOTHING);
	assert_true(dns_session_wait(f.session, hand_now()));
	assert_false(dns_session_wait(f.session, hand_now()));
	/* the question's own deadline ends the wait, once */
	atomic_fetch_add(&hand_clock, 5 * S);
	assert_true(dns_session_wait(f.session, hand_now() + 1000 * S));
	assert_int_equal(dns_session_outstanding(f.session), 0);
	expect(a, DNS_UNSURE, DNS_WHY_TIMEOUT);
	/* dns_wait: the caller's deadline leaves the question open */
	struct dns_question *c = ask(&f, "c.example", DNS_FLAG_NONE);
	assert_int_equal(dns_wait(c, hand_now(), NULL), DNS_PENDING);
	hand_found(&f.hand, 3, 60, 1);
	assert_int_equal(dns_wait(c, hand_now(), NULL), DNS_FOUND);
	close_fixture(&f);
}

static void test_no_cache_at_all(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct fixture f;

	(void)state;
	settings.cache_kb = 0;
	open_fixture(&f, &settings);
	struct dns_question *a = ask(&f, "a.example", DNS_FLAG_NONE);
	struct dns_question *b = ask(&f, "b.example", DNS_FLAG_NONE); /* must not evict what is in flight */
	hand_found(&f.hand, 0, 60, 1);
	hand_found(&f.hand, 1, 60, 2);
	expect(a, DNS_FOUND, DNS_WHY_NOTHING);
	expect(b, DNS_FOUND, DNS_WHY_NOTHING);
	close_fixture(&f);
}

static void test_settings_are_checked(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct err err = { "" };

	(void)state;
	settings.mode = DNS_MODE_ZONE;
	settings.zone_file = "/nonexistent/zone";
	assert_int_equal(dns_check(&settings, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/zone: No such file"));
	assert_null(dns_open(&settings, &err));
	settings.question_ms = 0;
	assert_int_equal(dns_check(&settings, &err), -1);
	assert_non_null(strstr(err.text, "question_ms = 0: must be 1 to"));
	settings = dns_default_settings();
	settings.mode = DNS_MODE_ZONE;
	assert_int_equal(dns_check(&settings, &err), -1);
	assert_non_null(strstr(err.text, "no zone file"));
	assert_true(sizeof(struct dns_session) <= 200);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(dns_why_name(DNS_WHY_BAD_NAME), "bad-name");
	assert_string_equal(dns_why_name(DNS_WHY_NOTHING), "");
	assert_string_equal(dns_why_name(DNS_WHY_LIMIT), "limit");
	assert_string_equal(dns_type_name(DNS_AAAA), "AAAA");
	assert_string_equal(dns_type_name(DNS_TXT), "TXT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_outcomes),
		cmocka_unit_test(test_answer_survives_cache_and_change),
		cmocka_unit_test(test_ttl_rules),
		cmocka_unit_test(test_failures_are_remembered),
		cmocka_unit_test(test_garbage_is_unsure),
		cmocka_unit_test(test_deadline_and_late_answer),
		cmocka_unit_test(test_timeout_window_ends),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_stale_ends_with_an_answer),
		cmocka_unit_test(test_stale_at_the_limit),
		cmocka_unit_test(test_session_wait),
		cmocka_unit_test(test_no_cache_at_all),
		cmocka_unit_test(test_settings_are_checked),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
