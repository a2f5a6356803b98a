/* SPDX-License-Identifier: BSD-2-Clause */
/* For test_dns.c: a service whose resolver is the test itself, and whose time stands still until the test moves it. */
#ifndef MAILREEVE_TESTS_DNS_FIXTURE_H
#define MAILREEVE_TESTS_DNS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/dns_internal.h"
#include "dns/name.h"
#include "dns/packet.h"

#define ASKED_MAX 64
#define S         1000 /* milliseconds */

static _Atomic clock_ms hand_clock;

static clock_ms hand_now(void)
{
	return atomic_load(&hand_clock);
}

/* A backend that keeps what it is asked until the test answers. */
struct hand_backend {
	pthread_mutex_t lock; /* guards the rest */
	struct {
		uint8_t wire[DNS_WIRE_MAX];
		size_t octets;
		enum dns_type type;
		void *token; /* NULL: answered */
	} asked[ASKED_MAX];
	size_t n_asked;
};

static void hand_ask(void *self, const uint8_t *wire, size_t octets, enum dns_type type, void *token)
{
	struct hand_backend *hand = self;

	pthread_mutex_lock(&hand->lock);
	assert_true(hand->n_asked < ASKED_MAX);
	memcpy(hand->asked[hand->n_asked].wire, wire, octets);
	hand->asked[hand->n_asked].octets = octets;
	hand->asked[hand->n_asked].type = type;
	hand->asked[hand->n_asked++].token = token;
	pthread_mutex_unlock(&hand->lock);
}

static size_t hand_count(struct hand_backend *hand)
{
	pthread_mutex_lock(&hand->lock);
	size_t n = hand->n_asked;
	pthread_mutex_unlock(&hand->lock);
	return n;
}

static void *hand_take(struct hand_backend *hand, size_t i)
{
	pthread_mutex_lock(&hand->lock);
	void *token = hand->asked[i].token;
	hand->asked[i].token = NULL;
	pthread_mutex_unlock(&hand->lock);
	assert_non_null(token);
	return token;
}

static void hand_unsure(struct hand_backend *hand, size_t i, enum dns_why why)
{
	const struct dns_backend_answer answer = { .status = DNS_UNSURE, .why = why };

	dns_done(hand_take(hand, i), &answer);
}

static void hand_packet(struct hand_backend *hand, size_t i, const struct packet_writer *writer, bool secure)
{
	const struct dns_backend_answer answer = {
		.status = DNS_FOUND,
		.secure = secure,
		.packet = writer->packet,
		.packet_octets = writer->octets,
	};

	dns_done(hand_take(hand, i), &answer);
}

/* Answer with the address 192.0.2.last. */
static void hand_found(struct hand_backend *hand, size_t i, uint32_t ttl_s, uint8_t last)
{
	const uint8_t address[4] = { 192, 0, 2, last };
	struct packet_writer writer;
	uint8_t packet[512];

	packet_write_open(&writer, packet, sizeof packet, hand->asked[i].wire, hand->asked[i].octets,
	                  hand->asked[i].type);
	packet_write_record(&writer, PACKET_ANSWER, hand->asked[i].wire, hand->asked[i].octets, DNS_A, ttl_s, address,
	                    4);
	hand_packet(hand, i, &writer, true);
}

static void hand_none(struct hand_backend *hand, size_t i, uint32_t ttl_s, enum packet_rcode rcode)
{
	uint8_t soa[22] = { 0 };
	struct packet_writer writer;
	uint8_t packet[512];

	for (int octet = 0; octet < 4; octet++)
		soa[18 + octet] = (uint8_t)(ttl_s >> (24 - 8 * octet));
	packet_write_open(&writer, packet, sizeof packet, hand->asked[i].wire, hand->asked[i].octets,
	                  hand->asked[i].type);
	packet_write_record(&writer, PACKET_AUTHORITY, (const uint8_t *)"", 1, DNS_SOA, 100000, soa, sizeof soa);
	packet_write_rcode(&writer, rcode);
	hand_packet(hand, i, &writer, false);
}

/* As a backend does when it is closed. */
static void hand_close(void *self)
{
	struct hand_backend *hand = self;

	for (size_t i = 0; i < hand->n_asked; i++) {
		if (hand->asked[i].token != NULL)
			hand_unsure(hand, i, DNS_WHY_SERVFAIL);
	}
}

/* One of everything. */
struct fixture {
	struct hand_backend hand;
	struct dns *dns;
	struct dns_session *session;
	struct arena_quota quota;
	struct arena arena;
};

static void open_fixture(struct fixture *f, const struct dns_settings *settings)
{
	*f = (struct fixture){ .quota.max_octets = 1 << 24 };
	struct dns_backend backend = { .self = &f->hand, .ask = hand_ask, .close = hand_close };
	pthread_mutex_init(&f->hand.lock, NULL);
	atomic_store(&hand_clock, 1000000);
	f->dns = dns_open_with_backend(settings, &backend, hand_now);
	f->session = dns_session_open(f->dns);
	arena_open(&f->arena, &f->quota);
}

static void close_fixture(struct fixture *f)
{
	dns_session_close(&f->session);
	dns_close(&f->dns);
	arena_close(&f->arena);
	pthread_mutex_destroy(&f->hand.lock);
	assert_null(f->session);
	assert_null(f->dns);
}

static struct dns_question *ask(struct fixture *f, const char *name, unsigned flags)
{
	return dns_ask(f->session, &f->arena, name, DNS_A, flags);
}

static void expect(struct dns_question *question, enum dns_status status, enum dns_why why)
{
	const struct dns_answer *answer = NULL;

	assert_int_equal(dns_poll(question, &answer), status);
	if (status != DNS_PENDING) {
		assert_int_equal(answer->status, status);
		assert_int_equal(answer->why, why);
	}
}

static const struct dns_answer *answer_of(struct dns_question *question)
{
	const struct dns_answer *answer = NULL;

	assert_int_not_equal(dns_poll(question, &answer), DNS_PENDING);
	return answer;
}

static struct dns_stats stats_of(const struct fixture *f)
{
	struct dns_stats stats;

	dns_get_stats(f->dns, &stats);
	return stats;
}

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

#endif
