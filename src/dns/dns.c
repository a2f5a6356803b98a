/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/dns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/dns_internal.h"
#include "dns/name.h"
#include "dns/packet.h"

#define FORWARD_MAX 64 /* addresses in dns_settings.forward */

/* What a backend is given as its token: one question in its hands. */
struct flight {
	struct dns *dns;
	struct cache_shard *shard;
	struct cache_entry *entry; /* in flight, so it stays */
	uint64_t started_us;
};

struct dns_settings dns_default_settings(void)
{
	return (struct dns_settings){
		.mode = DNS_MODE_AUTO,
		.resolv_conf = "/etc/resolv.conf",
		.root_hints = "",
		.trust_anchor = "",
		.zone_file = "",
		.question_ms = 5000,
		.outstanding_max = 2048,
		.session_outstanding_max = 64,
		.cache_kb = 16384,
		.ttl_min_s = 5,
		.ttl_max_s = 3600,
		.negative_ttl_max_s = 900,
		.failure_ttl_s = 5,
		.timeout_ttl_s = 15,
		.stale_s = 3600,
	};
}

static char *copy_text(const char *text)
{
	return memory_strdup(text != NULL ? text : "");
}

static struct dns_settings copy_settings(const struct dns_settings *settings)
{
	struct dns_settings copy = *settings;
	const char **forward = memory_new((settings->n_forward + 1) * sizeof *forward);

	for (size_t i = 0; i < settings->n_forward; i++)
		forward[i] = copy_text(settings->forward[i]);
	copy.forward = forward;
	copy.resolv_conf = copy_text(settings->resolv_conf);
	copy.root_hints = copy_text(settings->root_hints);
	copy.trust_anchor = copy_text(settings->trust_anchor);
	copy.zone_file = copy_text(settings->zone_file);
	return copy;
}

static void free_settings(struct dns_settings *settings)
{
	for (size_t i = 0; i < settings->n_forward; i++)
		free((void *)(uintptr_t)settings->forward[i]);
	free((void *)(uintptr_t)settings->forward);
	free((void *)(uintptr_t)settings->resolv_conf);
	free((void *)(uintptr_t)settings->root_hints);
	free((void *)(uintptr_t)settings->trust_anchor);
	free((void *)(uintptr_t)settings->zone_file);
}

static int check_numbers(const struct dns_settings *settings, struct err *err)
{
	const struct {
		const char *name;
		int value, least, most;
	} rows[] = {
		{ "question_ms", settings->question_ms, 1, 600000 },
		{ "outstanding_max", settings->outstanding_max, 1, 1000000 },
		{ "session_outstanding_max", settings->session_outstanding_max, 1, 1000000 },
		{ "cache_kb", settings->cache_kb, 0, 16 * 1024 * 1024 },
		{ "ttl_min_s", settings->ttl_min_s, 0, 86400 },
		{ "ttl_max_s", settings->ttl_max_s, settings->ttl_min_s, 604800 },
		{ "negative_ttl_max_s", settings->negative_ttl_max_s, 0, 86400 },
		{ "failure_ttl_s", settings->failure_ttl_s, 0, 3600 },
		{ "timeout_ttl_s", settings->timeout_ttl_s, 0, 3600 },
		{ "stale_s", settings->stale_s, 0, 604800 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
			return err_set(err, "dns %s = %d: must be %d to %d", rows[i].name, rows[i].value, rows[i].least,
			               rows[i].most);
	}
	if (settings->n_forward > FORWARD_MAX)
		return err_set(err, "dns forward: %zu addresses, at most %d are taken", settings->n_forward,
		               FORWARD_MAX);
	return 0;
}

int dns_check(const struct dns_settings *settings, struct err *err)
{
	if (check_numbers(settings, err) != 0)
		return -1;
	return settings->mode == DNS_MODE_ZONE ? dns_zone_check(settings, err) : dns_unbound_check(settings, err);
}

static struct dns *dns_new(const struct dns_settings *settings, dns_clock *now)
{
	struct dns *dns = memory_new(sizeof *dns);

	dns->settings = copy_settings(settings);
	if (dns->settings.tally.counters == NULL)
		dns->settings.tally.counters = dns->own_counters = counters_open();
	dns->cache = cache_open(&dns->settings);
	dns->now = now;
	return dns;
}

struct dns *dns_open_with_backend(const struct dns_settings *settings, const struct dns_backend *backend,
                                  dns_clock *now)
{
	struct dns *dns = dns_new(settings, now);

	dns->backend = *backend;
	return dns;
}

struct dns *dns_open(const struct dns_settings *settings, struct err *err)
{
	if (check_numbers(settings, err) != 0)
		return NULL;
	struct dns *dns = dns_new(settings, clock_now);
	int failed = settings->mode == DNS_MODE_ZONE ? dns_zone_open(&dns->backend, &dns->settings, dns_done, err)
	                                             : dns_unbound_open(&dns->backend, &dns->settings, dns_done, err);
	if (failed != 0)
		dns_close(&dns);
	return dns;
}

void dns_close(struct dns **dns)
{
	if (*dns == NULL)
		return;
	if ((*dns)->backend.close != NULL)
		(*dns)->backend.close((*dns)->backend.self);
	cache_close(&(*dns)->cache);
	free_settings(&(*dns)->settings);
	counters_close(&(*dns)->own_counters);
	free(*dns);
	*dns = NULL;
}

/* Only a question that is handed to the backend takes a place, and only the backend's answer gives it back. */
static bool take_place(struct dns *dns)
{
	uint64_t before = atomic_fetch_add_explicit(&dns->outstanding, 1, memory_order_relaxed);

	if (before >= (uint64_t)dns->settings.outstanding_max) {
		atomic_fetch_sub_explicit(&dns->outstanding, 1, memory_order_relaxed);
		return false;
	}
	counters_gauge(&dns->settings.tally, GAUGE_DNS_OUTSTANDING, 1);
	return true;
}

static struct flight *start_flight(struct dns *dns, struct cache_shard *shard, struct cache_entry *entry, clock_ms now)
{
	struct flight *flight = memory_new(sizeof *flight);

	*flight = (struct flight){ .dns = dns, .shard = shard, .entry = entry, .started_us = dns_now_us() };
	entry->in_flight = true;
	entry->waited_since = now;
	dns_count(dns, COUNTER_DNS_EVICTED, cache_trim(shard));
	return flight;
}

static void settle_now(struct dns_question *question, const struct cache_shard *shard, const struct cache_entry *entry,
                       enum dns_why why, clock_ms now)
{
	const struct dns *dns = question->session->dns;
	struct question_outcome outcome = question_from_cache(shard, entry, question->flags, why, now);

	outcome.cached = why != DNS_WHY_LIMIT || outcome.block.answer != NULL;
	if (outcome.cached)
		dns_count(dns, COUNTER_DNS_HIT, 1);
	question_settle(question, &outcome);
}

/* Answer, join or begin; needs the shard's lock. Returns the flight that the backend is to be given, or NULL. */
static struct flight *ask_cache(struct dns_question *question, struct cache_shard *shard, const struct cache_key *key,
                                clock_ms now)
{
	struct dns_session *session = question->session;
	struct dns *dns = session->dns;
	struct cache_entry *entry = cache_find(shard, key);
	struct flight *flight = NULL;
	bool fresh = entry != NULL && cache_is_fresh(entry, now);
	enum dns_why why = fresh || entry == NULL ? DNS_WHY_NOTHING : cache_refusal(shard, entry, now);

	if (fresh || why != DNS_WHY_NOTHING) {
		settle_now(question, shard, entry, why, now);
		return NULL;
	}
	bool joins = entry != NULL && entry->in_flight;
	if (dns_session_outstanding(session) >= (size_t)dns->settings.session_outstanding_max ||
	    (!joins && !take_place(dns))) {
		settle_now(question, shard, entry, DNS_WHY_LIMIT, now);
		return NULL;
	}
	if (!joins) {
		entry = entry != NULL ? entry : cache_add(shard, key);
		flight = start_flight(dns, shard, entry, now);
	}
	dns_count(dns, joins ? COUNTER_DNS_COALESCED : COUNTER_DNS_MISS, 1);
	question->asked_us = dns_now_us();
	question_join(question, shard, entry);
	return flight;
}

struct dns_question *dns_ask(struct dns_session *session, struct arena *arena, const char *name, enum dns_type type,
                             unsigned flags)
{
	struct dns *dns = session->dns;
	struct dns_question *question = arena_alloc(arena, sizeof *question);
	clock_ms now = dns->now();
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets = dns_name_to_wire(name, wire);

	question->session = session;
	question->arena = arena;
	question->flags = flags;
	question->asker = session->asker;
	question->deadline = now + dns->settings.question_ms;
	session->asked++;
	if (octets == 0) {
		settle_now(question, NULL, NULL, DNS_WHY_BAD_NAME, now);
		return question;
	}
	struct cache_key key = cache_key(dns->cache, wire, octets, type);
	struct cache_shard *shard = cache_lock(dns->cache, &key);
	struct flight *flight = ask_cache(question, shard, &key, now);
	cache_unlock(shard);
	if (flight != NULL)
		dns->backend.ask(dns->backend.self, wire, octets, type, flight);
	return question;
}

/* The cache takes the answer, and everybody who still waits is woken. */
static void deliver(struct flight *flight, const struct answer_block *block, enum dns_why why)
{
	struct dns *dns = flight->dns;
	struct cache_entry *entry = flight->entry;

	cache_lock_again(flight->shard);
	clock_ms now = dns->now();
	entry->in_flight = false;
	if (block->answer != NULL)
		cache_keep(flight->shard, entry, block, now);
	else
		cache_fail(flight->shard, entry, why, now);
	while (entry->waiters != NULL) {
		struct dns_question *question = entry->waiters;
		struct question_outcome outcome = question_from_cache(flight->shard, entry, question->flags, why, now);
		question_wake(question, &outcome);
	}
	dns_count(dns, COUNTER_DNS_EVICTED, cache_trim(flight->shard));
	cache_unlock(flight->shard);
}

void dns_done(void *token, const struct dns_backend_answer *said)
{
	struct flight *flight = token;
	struct dns *dns = flight->dns;
	const struct cache_entry *entry = flight->entry;
	struct answer_block block = { 0 };
	enum dns_why why = DNS_WHY_NOTHING;

	if (said->status == DNS_UNSURE)
		why = said->why;
	else if (packet_read(said->packet, said->packet_octets, entry->wire, entry->wire_octets, entry->type, &block))
		block.answer->secure = said->secure;
	else
		why = DNS_WHY_SERVFAIL;
	atomic_fetch_sub_explicit(&dns->outstanding, 1, memory_order_relaxed);
	counters_gauge(&dns->settings.tally, GAUGE_DNS_OUTSTANDING, -1);
	counters_observe(&dns->settings.tally, HISTOGRAM_DNS_NETWORK, dns_now_us() - flight->started_us);
	deliver(flight, &block, why);
	free(flight);
}

const char *dns_why_name(enum dns_why why)
{
	static const char *const names[] = {
		[DNS_WHY_NOTHING] = "",          [DNS_WHY_NXDOMAIN] = "nxdomain", [DNS_WHY_NODATA] = "nodata",
		[DNS_WHY_BAD_NAME] = "bad-name", [DNS_WHY_TIMEOUT] = "timeout",   [DNS_WHY_SERVFAIL] = "servfail",
		[DNS_WHY_BOGUS] = "bogus",       [DNS_WHY_LIMIT] = "limit",
	};

	return names[why];
}

const char *dns_type_name(enum dns_type type)
{
	static const struct {
		enum dns_type type;
		const char *name;
	} names[] = {
		{ DNS_A, "A" },     { DNS_NS, "NS" }, { DNS_CNAME, "CNAME" }, { DNS_SOA, "SOA" },
		{ DNS_PTR, "PTR" }, { DNS_MX, "MX" }, { DNS_TXT, "TXT" },     { DNS_AAAA, "AAAA" },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	return "TYPE?";
}
