/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/cache.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/siphash.h"
#include "dns/name.h"

#define MS_PER_S         1000
#define MALLOC_OCTETS    16  /* what the allocator adds to a block, about */
#define OCTETS_PER_ENTRY 384 /* an ordinary entry with its answer; decides the number of slots */
#define SLOTS_MIN        16U

struct cache_shard {
	pthread_mutex_t lock; /* guards everything below, and every entry of the shard with its waiters */
	const struct dns_settings *settings;
	struct cache_entry **slots;
	size_t slot_mask;
	struct cache_entry *hand; /* the entry that eviction looks at next; NULL: none */
	size_t n_entries;
	size_t octets;
	size_t octets_max;
};

struct cache {
	struct siphash_key siphash_key;
	struct cache_shard shards[CACHE_SHARDS];
};

static size_t entry_octets(const struct cache_entry *entry)
{
	size_t octets = sizeof *entry + entry->wire_octets + MALLOC_OCTETS;

	return entry->block.answer != NULL ? octets + entry->block.octets + MALLOC_OCTETS : octets;
}

/* What a shard holds, in its own books and for the metrics. */
static void count_octets(struct cache_shard *shard, ptrdiff_t by)
{
	shard->octets = (size_t)((ptrdiff_t)shard->octets + by);
	counters_gauge(&shard->settings->tally, GAUGE_DNS_CACHE, by);
}

static void shard_open(struct cache_shard *shard, const struct dns_settings *settings)
{
	size_t octets_max = (size_t)settings->cache_kb * 1024 / CACHE_SHARDS;
	size_t n_slots = SLOTS_MIN;

	while (n_slots < octets_max / OCTETS_PER_ENTRY)
		n_slots *= 2;
	pthread_mutex_init(&shard->lock, NULL);
	shard->settings = settings;
	shard->slots = memory_new(n_slots * sizeof *shard->slots);
	shard->slot_mask = n_slots - 1;
	shard->hand = NULL;
	shard->n_entries = 0;
	shard->octets = 0;
	count_octets(shard, (ptrdiff_t)(n_slots * sizeof *shard->slots));
	shard->octets_max = octets_max;
}

struct cache *cache_open(const struct dns_settings *settings)
{
	struct cache *cache = memory_new(sizeof *cache);

	cache->siphash_key = siphash_new_key();
	for (size_t i = 0; i < CACHE_SHARDS; i++)
		shard_open(&cache->shards[i], settings);
	return cache;
}

static void shard_close(struct cache_shard *shard)
{
	for (size_t i = 0; i <= shard->slot_mask; i++) {
		while (shard->slots[i] != NULL) {
			struct cache_entry *entry = shard->slots[i];
			shard->slots[i] = entry->next;
			free(entry->block.answer);
			free(entry);
		}
	}
	free(shard->slots);
	count_octets(shard, -(ptrdiff_t)shard->octets);
	pthread_mutex_destroy(&shard->lock);
}

void cache_close(struct cache **cache)
{
	if (*cache == NULL)
		return;
	for (size_t i = 0; i < CACHE_SHARDS; i++)
		shard_close(&(*cache)->shards[i]);
	free(*cache);
	*cache = NULL;
}

struct cache_key cache_key(const struct cache *cache, const uint8_t *wire, size_t octets, enum dns_type type)
{
	uint8_t keyed[DNS_WIRE_MAX + 2];

	memcpy(keyed, wire, octets);
	keyed[octets] = (uint8_t)((unsigned)type >> 8);
	keyed[octets + 1] = (uint8_t)type;
	return (struct cache_key){
		.hash = siphash(&cache->siphash_key, keyed, octets + 2),
		.wire = wire,
		.octets = octets,
		.type = type,
	};
}

struct cache_shard *cache_lock(struct cache *cache, const struct cache_key *key)
{
	/* the top bits choose the shard, the low ones the slot in it */
	struct cache_shard *shard = &cache->shards[(key->hash >> 60) % CACHE_SHARDS];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

void cache_lock_again(struct cache_shard *shard)
{
	pthread_mutex_lock(&shard->lock);
}

void cache_unlock(struct cache_shard *shard)
{
	pthread_mutex_unlock(&shard->lock);
}

struct cache_entry *cache_find(struct cache_shard *shard, const struct cache_key *key)
{
	struct cache_entry *entry = shard->slots[key->hash & shard->slot_mask];

	while (entry != NULL && (entry->hash != key->hash || entry->type != key->type ||
	                         entry->wire_octets != key->octets || memcmp(entry->wire, key->wire, key->octets) != 0))
		entry = entry->next;
	if (entry != NULL)
		entry->used = true;
	return entry;
}

/* Not `used` yet: who is asked for once only is the first to go when the hand comes round. */
struct cache_entry *cache_add(struct cache_shard *shard, const struct cache_key *key)
{
	struct cache_entry *entry = memory_new(sizeof *entry + key->octets);
	struct cache_entry **slot = &shard->slots[key->hash & shard->slot_mask];

	*entry = (struct cache_entry){
		.next = *slot,
		.type = key->type,
		.hash = key->hash,
		.wire_octets = (uint8_t)key->octets,
	};
	memcpy(entry->wire, key->wire, key->octets);
	*slot = entry;
	if (shard->hand == NULL) {
		entry->clock_next = entry->clock_prev = shard->hand = entry;
	} else {
		/* just behind the hand: the last one it will come to */
		entry->clock_next = shard->hand;
		entry->clock_prev = shard->hand->clock_prev;
		entry->clock_prev->clock_next = entry;
		entry->clock_next->clock_prev = entry;
	}
	shard->n_entries++;
	count_octets(shard, (ptrdiff_t)entry_octets(entry));
	return entry;
}

/* Both kinds are held a moment, so that a TTL of 0 does not mean a query for each question of a mail. */
static int64_t hold_s(const struct dns_settings *settings, const struct dns_answer *answer)
{
	int64_t most = answer->status == DNS_FOUND ? settings->ttl_max_s : settings->negative_ttl_max_s;
	int64_t hold = answer->ttl_s;

	if (hold < settings->ttl_min_s)
		hold = settings->ttl_min_s;
	return hold < most ? hold : most;
}

void cache_keep(struct cache_shard *shard, struct cache_entry *entry, const struct answer_block *block, clock_ms now)
{
	const ptrdiff_t before = (ptrdiff_t)entry_octets(entry);

	free(entry->block.answer);
	entry->block = *block;
	count_octets(shard, (ptrdiff_t)entry_octets(entry) - before);
	entry->stored = now;
	entry->expires = now + hold_s(shard->settings, block->answer) * MS_PER_S;
	entry->failed_why = DNS_WHY_NOTHING;
}

void cache_fail(struct cache_shard *shard, struct cache_entry *entry, enum dns_why why, clock_ms now)
{
	entry->failed_why = why;
	entry->failed_until = now + (int64_t)shard->settings->failure_ttl_s * MS_PER_S;
}

bool cache_is_fresh(const struct cache_entry *entry, clock_ms now)
{
	return entry->block.answer != NULL && now < entry->expires;
}

bool cache_is_usable_stale(const struct cache_shard *shard, const struct cache_entry *entry, clock_ms now)
{
	return entry->block.answer != NULL && now < entry->expires + (int64_t)shard->settings->stale_s * MS_PER_S;
}

enum dns_why cache_refusal(const struct cache_shard *shard, struct cache_entry *entry, clock_ms now)
{
	const struct dns_settings *settings = shard->settings;

	if (!entry->in_flight)
		return entry->failed_why != DNS_WHY_NOTHING && now < entry->failed_until ? entry->failed_why
		                                                                         : DNS_WHY_NOTHING;
	clock_ms waited = now - entry->waited_since;
	if (waited < settings->question_ms)
		return DNS_WHY_NOTHING;
	if (waited < settings->question_ms + (int64_t)settings->timeout_ttl_s * MS_PER_S)
		return DNS_WHY_TIMEOUT;
	entry->waited_since = now;
	return DNS_WHY_NOTHING;
}

static void drop(struct cache_shard *shard, struct cache_entry *entry)
{
	struct cache_entry **link = &shard->slots[entry->hash & shard->slot_mask];

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	if (shard->hand == entry)
		shard->hand = entry->clock_next != entry ? entry->clock_next : NULL;
	entry->clock_prev->clock_next = entry->clock_next;
	entry->clock_next->clock_prev = entry->clock_prev;
	shard->n_entries--;
	count_octets(shard, -(ptrdiff_t)entry_octets(entry));
	free(entry->block.answer);
	free(entry);
}

unsigned cache_trim(struct cache_shard *shard)
{
	unsigned dropped = 0;

	/* twice round: the first may do no more than clear `used` */
	for (size_t looks = 2 * shard->n_entries; shard->octets > shard->octets_max && looks > 0; looks--) {
		struct cache_entry *entry = shard->hand;
		if (entry->in_flight || entry->used) {
			entry->used = false;
			shard->hand = entry->clock_next;
			continue;
		}
		drop(shard, entry);
		dropped++;
		if (shard->hand == NULL)
			break;
	}
	return dropped;
}

static size_t sum(struct cache *cache, bool octets)
{
	size_t total = 0;

	for (size_t i = 0; i < CACHE_SHARDS; i++) {
		struct cache_shard *shard = &cache->shards[i];
		pthread_mutex_lock(&shard->lock);
		total += octets ? shard->octets : shard->n_entries;
		pthread_mutex_unlock(&shard->lock);
	}
	return total;
}

size_t cache_octets(struct cache *cache)
{
	return sum(cache, true);
}

size_t cache_entries(struct cache *cache)
{
	return sum(cache, false);
}
