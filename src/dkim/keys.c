/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of decoded keys. A key is found by the octets of its record, so it can never be a wrong or an old one: the
 * TTL only says how long it is worth its memory. What is no key is not kept: saying so again costs less than looking it
 * up, and takes no memory that a stranger could fill.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/siphash.h"
#include "dkim/crypto.h"
#include "dkim/key.h"

#define MS_PER_S          1000
#define RECORD_OCTETS_MAX 4096 /* of a record that is kept; others are decoded each time */
#define SLOTS_MIN         16U
#define REAPED_AT_ONCE    4 /* expired entries that adding one looks for, among those longest not used */

struct dkim_key {
	_Atomic unsigned references;
	struct dkim_key_record record;
	struct crypto_key *crypto; /* NULL: revoked */
};

struct entry {
	struct entry *next;          /* in its slot */
	struct entry *newer, *older; /* by last use */
	uint64_t hash;
	clock_ms expires;
	struct dkim_key *key; /* a reference of the cache's own */
	size_t octets;
	uint8_t text[]; /* the record */
};

struct dkim_keys {
	struct siphash_key siphash_key;
	size_t max;
	pthread_mutex_t
		lock; /* guards the slots, their entries and the order of use; never held while a key is decoded */
	struct entry **slots;
	size_t slot_mask;
	struct entry *newest, *oldest;
	size_t n;
};

/* ---- one key ---- */

static struct dkim_key *key_open(const uint8_t *octets, size_t length, struct strbuf *problem)
{
	struct dkim_key *key = memory_new(sizeof(*key));

	atomic_init(&key->references, 1);
	if (dkim_key_parse(&key->record, octets, length, problem) == 0) {
		if (key->record.revoked)
			return key;
		key->crypto = crypto_key_open(&key->record, problem);
		if (key->crypto != NULL)
			return key;
	}
	free(key);
	return NULL;
}

static struct dkim_key *key_hold(struct dkim_key *key)
{
	atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
	return key;
}

static void key_release(struct dkim_key *key)
{
	if (atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) > 1)
		return;
	crypto_key_close(&key->crypto);
	free(key);
}

void dkim_key_release(const struct dkim_key *key)
{
	if (key != NULL)
		key_release((struct dkim_key *)(uintptr_t)key);
}

const struct dkim_key_record *dkim_key_record(const struct dkim_key *key)
{
	return &key->record;
}

unsigned dkim_key_bits(const struct dkim_key *key)
{
	return key->crypto != NULL ? crypto_key_bits(key->crypto) : 0;
}

bool dkim_key_verify(const struct dkim_key *key, enum dkim_algorithm algorithm, const uint8_t *hash, size_t hash_octets,
                     const uint8_t *signature, size_t signature_octets)
{
	return key->crypto != NULL &&
	       crypto_key_verify(key->crypto, algorithm, hash, hash_octets, signature, signature_octets);
}

/* ---- the cache; the lock is held where nothing else is said ---- */

static void unlink_use(struct dkim_keys *keys, const struct entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		keys->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		keys->oldest = entry->newer;
}

static void link_newest(struct dkim_keys *keys, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = keys->newest;
	if (entry->older != NULL)
		entry->older->newer = entry;
	else
		keys->oldest = entry;
	keys->newest = entry;
}

static void drop(struct dkim_keys *keys, struct entry *entry)
{
	struct entry **link = &keys->slots[entry->hash & keys->slot_mask];

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	unlink_use(keys, entry);
	keys->n--;
	key_release(entry->key);
	free(entry);
}

static struct entry *find(struct dkim_keys *keys, uint64_t hash, const uint8_t *octets, size_t length)
{
	struct entry *entry = keys->slots[hash & keys->slot_mask];

	while (entry != NULL &&
	       (entry->hash != hash || entry->octets != length || memcmp(entry->text, octets, length) != 0))
		entry = entry->next;
	return entry;
}

/* Make room for one. */
static void reap(struct dkim_keys *keys, clock_ms now)
{
	struct entry *entry = keys->oldest;

	for (int i = 0; i < REAPED_AT_ONCE && entry != NULL; i++) {
		struct entry *newer = entry->newer;
		if (entry->expires <= now || keys->n >= keys->max)
			drop(keys, entry);
		entry = newer;
	}
}

/* Takes the lock. */
static struct dkim_key *look_up(struct dkim_keys *keys, uint64_t hash, const uint8_t *octets, size_t length,
                                clock_ms now, clock_ms expires)
{
	struct dkim_key *key = NULL;
	struct entry *entry;

	pthread_mutex_lock(&keys->lock);
	entry = find(keys, hash, octets, length);
	if (entry != NULL && entry->expires > now) {
		if (entry->expires < expires)
			entry->expires = expires;
		unlink_use(keys, entry);
		link_newest(keys, entry);
		key = key_hold(entry->key);
	}
	pthread_mutex_unlock(&keys->lock);
	return key;
}

/* Takes the lock. Another thread may have been faster: then its entry makes room for this one. */
static void keep(struct dkim_keys *keys, struct entry *entry, clock_ms now)
{
	struct entry *other;

	pthread_mutex_lock(&keys->lock);
	other = find(keys, entry->hash, entry->text, entry->octets);
	if (other != NULL)
		drop(keys, other);
	reap(keys, now);
	entry->next = keys->slots[entry->hash & keys->slot_mask];
	keys->slots[entry->hash & keys->slot_mask] = entry;
	link_newest(keys, entry);
	keys->n++;
	pthread_mutex_unlock(&keys->lock);
}

static struct entry *new_entry(struct dkim_key *key, uint64_t hash, const uint8_t *octets, size_t length,
                               clock_ms expires)
{
	struct entry *entry = memory_new(sizeof(*entry) + length);

	entry->hash = hash;
	entry->expires = expires;
	entry->key = key_hold(key);
	entry->octets = length;
	memcpy(entry->text, octets, length);
	return entry;
}

const struct dkim_key *dkim_keys_get(struct dkim_keys *keys, const uint8_t *octets, size_t length, uint32_t ttl_s,
                                     struct strbuf *problem)
{
	clock_ms now = clock_now(), expires = now + (clock_ms)ttl_s * MS_PER_S;
	bool kept = keys->max > 0 && length <= RECORD_OCTETS_MAX;
	uint64_t hash = kept ? siphash(&keys->siphash_key, octets, length) : 0;
	struct dkim_key *key = kept ? look_up(keys, hash, octets, length, now, expires) : NULL;

	if (key != NULL)
		return key;
	key = key_open(octets, length, problem);
	if (key != NULL && kept && ttl_s > 0)
		keep(keys, new_entry(key, hash, octets, length, expires), now);
	return key;
}

struct dkim_keys *dkim_keys_open(size_t max)
{
	struct dkim_keys *keys = memory_new(sizeof(*keys));
	size_t n_slots = SLOTS_MIN;

	while (n_slots < max)
		n_slots *= 2;
	keys->siphash_key = siphash_new_key();
	keys->max = max;
	pthread_mutex_init(&keys->lock, NULL);
	keys->slots = memory_new(n_slots * sizeof(struct entry *));
	keys->slot_mask = n_slots - 1;
	return keys;
}

void dkim_keys_close(struct dkim_keys **keys)
{
	struct entry *entry, *newer;

	if (*keys == NULL)
		return;
	for (entry = (*keys)->oldest; entry != NULL; entry = newer) {
		newer = entry->newer;
		key_release(entry->key);
		free(entry);
	}
	pthread_mutex_destroy(&(*keys)->lock);
	free((*keys)->slots);
	free(*keys);
	*keys = NULL;
}
