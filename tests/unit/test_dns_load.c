/* SPDX-License-Identifier: BSD-2-Clause */
/* The front of the DNS layer under threads and load: coalescing, wake-ups, races, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/dns_internal.h"
#include "dns/packet.h"

#define S 1000 /* milliseconds */

/* The two sums that dns.h promises. */
static void expect_sums(const struct dns_stats *s, size_t n_open)
{
	assert_int_equal(s->asked, s->hit + s->miss + s->coalesced + s->limited);
	assert_int_equal(s->asked, s->found + s->none + s->unsure_timeout + s->unsure_servfail + s->unsure_bogus +
	                                   s->limited + s->abandoned + n_open);
	uint64_t buckets = 0;
	for (size_t i = 0; i < COUNT(s->latency_bucket); i++)
		buckets += s->latency_bucket[i];
	assert_int_equal(buckets, s->latency_n);
}

/* The zone backend behind a counter and, so that all can join, a gate. */
struct counting_backend {
	struct dns_backend inner;
	_Atomic int asked;
	pthread_mutex_t lock; /* guards open */
	pthread_cond_t opened;
	bool open;
};

static void counting_ask(void *self, const uint8_t *wire, size_t octets, enum dns_type type, void *token)
{
	struct counting_backend *counting = self;

	atomic_fetch_add(&counting->asked, 1);
	pthread_mutex_lock(&counting->lock);
	while (!counting->open)
		pthread_cond_wait(&counting->opened, &counting->lock);
	pthread_mutex_unlock(&counting->lock);
	counting->inner.ask(counting->inner.self, wire, octets, type, token);
}

static void counting_close(void *self)
{
	struct counting_backend *counting = self;

	counting->inner.close(counting->inner.self);
}

static void write_zone(char path[64], const char *text)
{
	snprintf(path, 64, "/tmp/mailreeve-test-dns-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

struct asker {
	struct dns *dns;
	pthread_t thread;
	enum dns_status status;
	char first[80];
	unsigned seed;
};

static void *ask_one_name(void *argument)
{
	struct asker *asker = argument;
	struct arena_quota quota = { .max_octets = 1 << 20 };
	struct arena arena;
	const struct dns_answer *answer;

	arena_open(&arena, &quota);
	struct dns_session *session = dns_session_open(asker->dns);
	struct dns_question *question = dns_ask(session, &arena, "same.example", DNS_TXT, DNS_FLAG_NONE);
	asker->status = dns_wait(question, clock_now() + 60 * S, &answer);
	if (asker->status == DNS_FOUND)
		snprintf(asker->first, sizeof asker->first, "%s", (const char *)answer->records[0].data);
	dns_session_close(&session);
	arena_close(&arena);
	return NULL;
}

static void test_coalescing(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct counting_backend counting = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };
	struct dns_backend backend = { .self = &counting, .ask = counting_ask, .close = counting_close };
	struct asker askers[64];
	struct err err = { "" };
	char path[64];

	(void)state;
	write_zone(path, "same.example 60 TXT \"one \" two\n");
	settings.zone_file = path;
	settings.question_ms = 60 * S;
	assert_int_equal(dns_zone_open(&counting.inner, &settings, dns_done, &err), 0);
	struct dns *dns = dns_open_with_backend(&settings, &backend, clock_now);
	for (size_t i = 0; i < COUNT(askers); i++) {
		askers[i] = (struct asker){ .dns = dns };
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_one_name, &askers[i]), 0);
	}
	struct dns_stats s = { 0 };
	while (s.coalesced < COUNT(askers) - 1) {
		usleep(1000);
		dns_get_stats(dns, &s);
	}
	pthread_mutex_lock(&counting.lock);
	counting.open = true;
	pthread_cond_broadcast(&counting.opened);
	pthread_mutex_unlock(&counting.lock);
	for (size_t i = 0; i < COUNT(askers); i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].status, DNS_FOUND);
		assert_string_equal(askers[i].first, "one two");
	}
	assert_int_equal(counting.asked, 1);
	dns_get_stats(dns, &s);
	assert_int_equal(s.asked, 64);
	assert_int_equal(s.miss, 1);
	assert_int_equal(s.found, 64);
	expect_sums(&s, 0);
	dns_close(&dns);
	unlink(path);
}

/* A sleeping session is woken by the resolver's thread, one answer after the other. */
static void test_wake_up(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct arena_quota quota = { .max_octets = 1 << 20 };
	struct err err = { "" };
	struct arena arena;
	char path[64];

	(void)state;
	write_zone(path, "a.example A 192.0.2.1\na.example A !slow=20\nb.example A 192.0.2.1\nb.example A !slow=60\n"
	                 "never.example A !timeout\n");
	settings.mode = DNS_MODE_ZONE;
	settings.zone_file = path;
	settings.question_ms = 60 * S;
	struct dns *dns = dns_open(&settings, &err);
	assert_non_null(dns);
	struct dns_session *session = dns_session_open(dns);
	arena_open(&arena, &quota);
	struct dns_question *never = dns_ask(session, &arena, "never.example", DNS_A, DNS_FLAG_NONE);
	struct dns_question *q[] = {
		dns_ask(session, &arena, "b.example", DNS_A, DNS_FLAG_NONE),
		dns_ask(session, &arena, "a.example", DNS_A, DNS_FLAG_NONE),
	};
	clock_ms before = clock_now();
	for (int waits = 0; dns_poll(q[0], NULL) == DNS_PENDING || dns_poll(q[1], NULL) == DNS_PENDING; waits++) {
		assert_true(waits < 4);
		assert_true(dns_session_wait(session, before + 30 * S));
	}
	assert_true(clock_now() - before < 30 * S);
	assert_int_equal(dns_session_outstanding(session), 1);
	/* nothing new: the wait ends at the caller's deadline */
	while (dns_session_wait(session, clock_now() + 5))
		assert_int_equal(dns_session_outstanding(session), 1);
	assert_int_equal(dns_poll(never, NULL), DNS_PENDING);
	dns_session_close(&session);
	dns_close(&dns);
	arena_close(&arena);
	unlink(path);
}

/* Everything at once: answers from another thread, deadlines that race them, cancels, sessions that end early. */
static void *storm(void *argument)
{
	struct asker *asker = argument;
	struct arena_quota quota = { .max_octets = 1 << 24 };
	struct arena arena;
	char name[64];

	arena_open(&arena, &quota);
	for (int round = 0; round < 150; round++) {
		struct dns_session *session = dns_session_open(asker->dns);
		struct dns_question *q[8];
		for (size_t i = 0; i < COUNT(q); i++) {
			static const char *const under[] = { "fast", "slow1", "slow3", "gone", "never" };
			snprintf(name, sizeof name, "n%d.%s.example", rand_r(&asker->seed) % 40,
			         under[rand_r(&asker->seed) % 5]);
			q[i] = dns_ask(session, &arena, name, DNS_A, DNS_FLAG_NONE);
		}
		dns_cancel(q[rand_r(&asker->seed) % 4]);
		dns_session_wait(session, clock_now() + rand_r(&asker->seed) % 3);
		for (size_t i = 4; i < 7; i++)
			dns_wait(q[i], clock_now() + rand_r(&asker->seed) % 4, NULL);
		dns_session_close(&session);
		arena_reset(&arena);
	}
	arena_close(&arena);
	return NULL;
}

static void test_storm(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct asker askers[8];
	struct err err = { "" };
	char path[64];

	(void)state;
	write_zone(path,
	           "*.fast.example 0 A 192.0.2.1\n*.slow1.example A 192.0.2.2\n*.slow1.example A !slow=1\n"
	           "*.slow3.example CNAME n.fast.example\n*.slow3.example * !slow=3\n*.never.example * !timeout\n");
	settings.mode = DNS_MODE_ZONE;
	settings.zone_file = path;
	settings.question_ms = 3;
	settings.ttl_min_s = settings.failure_ttl_s = settings.timeout_ttl_s = 0;
	settings.negative_ttl_max_s = 0;
	settings.cache_kb = 16;
	settings.outstanding_max = 60;
	struct dns *dns = dns_open(&settings, &err);
	assert_string_equal(err.text, "");
	assert_non_null(dns);
	for (size_t i = 0; i < COUNT(askers); i++) {
		askers[i] = (struct asker){ .dns = dns, .seed = (unsigned)i };
		assert_int_equal(pthread_create(&askers[i].thread, NULL, storm, &askers[i]), 0);
	}
	for (size_t i = 0; i < COUNT(askers); i++)
		pthread_join(askers[i].thread, NULL);
	struct dns_stats s;
	dns_get_stats(dns, &s);
	assert_int_equal(s.asked, 8 * 150 * 8);
	expect_sums(&s, 0);
	dns_close(&dns);
	unlink(path);
}

/* A backend that answers at once, with as many records as the name's first letter says. */
static void echo_ask(void *self, const uint8_t *wire, size_t octets, enum dns_type type, void *token)
{
	static const uint8_t address[4] = { 192, 0, 2, 1 };
	struct packet_writer writer;
	uint8_t packet[512];

	(void)self;
	packet_write_open(&writer, packet, sizeof packet, wire, octets, type);
	packet_write_record(&writer, PACKET_ANSWER, wire, octets, DNS_A, 300, address, 4);
	const struct dns_backend_answer answer = { .status = DNS_FOUND,
		                                   .packet = packet,
		                                   .packet_octets = writer.octets };
	dns_done(token, &answer);
}

static void echo_close(void *self)
{
	(void)self;
}

static void expect_found(struct dns_question *question, const struct dns_answer **answer)
{
	assert_int_equal(dns_poll(question, answer), DNS_FOUND);
}

static void test_memory_bound(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct dns_backend backend = { .ask = echo_ask, .close = echo_close };
	struct arena_quota quota = { .max_octets = 1 << 20 };
	const struct dns_answer *answer;
	struct arena arena;
	char name[64];

	(void)state;
	settings.cache_kb = 1024;
	struct dns *dns = dns_open_with_backend(&settings, &backend, clock_now);
	struct dns_session *session = dns_session_open(dns);
	arena_open(&arena, &quota);
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof name, "name-%d.some.example", i);
		expect_found(dns_ask(session, &arena, name, DNS_A, DNS_FLAG_NONE), &answer);
		/* what is asked again and again stays */
		expect_found(dns_ask(session, &arena, "popular.example", DNS_A, DNS_FLAG_NONE), &answer);
		assert_int_equal(answer->cached, i != 0);
		if (i % 1000 == 0)
			assert_true(cache_octets(dns->cache) <= 1024 * 1024);
		arena_reset(&arena);
	}
	assert_true(cache_octets(dns->cache) <= 1024 * 1024);
	assert_int_equal(counters_get_gauge(dns->settings.tally.counters, GAUGE_DNS_CACHE), cache_octets(dns->cache));
	assert_true(cache_entries(dns->cache) > 1500);
	struct dns_stats s;
	dns_get_stats(dns, &s);
	assert_int_equal(s.evicted + cache_entries(dns->cache), 100001);
	expect_sums(&s, 0);
	dns_session_close(&session);
	dns_close(&dns);
	arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coalescing),
		cmocka_unit_test(test_wake_up),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_memory_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
