/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache - what is known of a (name, type), and who waits for it: a sharded table with bounded memory.
 *
 * Threads: any; everything of an entry is touched under its shard's lock only, but for what never changes (name, type).
 * Owns: entries and their answer blocks. An entry in flight is never dropped, so that a pointer to it is a token.
 */
#ifndef MAILREEVE_DNS_CACHE_H
#define MAILREEVE_DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "dns/answer.h"
#include "dns/dns.h"

#define CACHE_SHARDS 16

struct cache;
struct cache_shard;

/* Where a (name, type) belongs. `wire` is borrowed. */
struct cache_key {
	uint64_t hash;
	const uint8_t *wire;
	size_t octets;
	enum dns_type type;
};

struct cache_entry {
	struct cache_entry *next;                    /* in its slot */
	struct cache_entry *clock_prev, *clock_next; /* the ring that eviction goes round */
	struct dns_question *waiters;                /* questions that wait for the answer; empty unless in flight */
	struct answer_block block;                   /* the last good answer, if any */
	clock_ms stored, expires;                    /* of the block */
	clock_ms failed_until;                       /* until then nobody is asked again */
	clock_ms waited_since;                       /* in flight: when somebody began to wait in earnest */
	enum dns_why failed_why;
	bool in_flight; /* the backend owes an answer */
	bool used;      /* since the eviction's hand last passed */
	enum dns_type type;
	uint64_t hash;
	uint8_t wire_octets;
	uint8_t wire[];
};

/* The rules (TTLs, cache_kb) are read from `settings`, which must outlive the cache. */
struct cache *cache_open(const struct dns_settings *settings);
void cache_close(struct cache **cache);

struct cache_key cache_key(const struct cache *cache, const uint8_t *wire, size_t octets, enum dns_type type);

/* Take and give back the lock of the shard that the key belongs to. */
struct cache_shard *cache_lock(struct cache *cache, const struct cache_key *key);
void cache_lock_again(struct cache_shard *shard);
void cache_unlock(struct cache_shard *shard);

/* The rest needs the shard's lock. */

/* The entry of the key, or NULL. */
struct cache_entry *cache_find(struct cache_shard *shard, const struct cache_key *key);

/* A new empty entry; the key must not be there. */
struct cache_entry *cache_add(struct cache_shard *shard, const struct cache_key *key);

/* Keep a good answer (takes the block over) for as long as the settings' TTL rules say; forgets a failure. */
void cache_keep(struct cache_shard *shard, struct cache_entry *entry, const struct answer_block *block, clock_ms now);

/* Remember that the question failed. An older good answer stays. */
void cache_fail(struct cache_shard *shard, struct cache_entry *entry, enum dns_why why, clock_ms now);

/* There is an answer within its TTL. */
bool cache_is_fresh(const struct cache_entry *entry, clock_ms now);

/* There is an answer that may stand in for a failure. */
bool cache_is_usable_stale(const struct cache_shard *shard, const struct cache_entry *entry, clock_ms now);

/*
 * Why a new asker shall not wait: a failure that is remembered (SERVFAIL, BOGUS), or a query that has been in flight
 * for longer than a question may take (TIMEOUT, for timeout_ttl_s; then waiting is tried once more). Else
 * DNS_WHY_NOTHING.
 */
enum dns_why cache_refusal(const struct cache_shard *shard, struct cache_entry *entry, clock_ms now);

/* Drop entries not in flight until the shard keeps within its memory. Returns how many. */
unsigned cache_trim(struct cache_shard *shard);

/* Memory in use by all entries, and their number. Takes each lock in turn: for tests and statistics. */
size_t cache_octets(struct cache *cache);
size_t cache_entries(struct cache *cache);

#endif
