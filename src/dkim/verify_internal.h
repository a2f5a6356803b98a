/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_internal - what verify.c (the message), keyslot.c (its keys) and results.c (the judgement) share; for nobody
 * else.
 */
#ifndef MAILREEVE_DKIM_VERIFY_INTERNAL_H
#define MAILREEVE_DKIM_VERIFY_INTERNAL_H

#include "dkim/body.h"
#include "dkim/dkim.h"
#include "dkim/headerhash.h"

struct dkim_service {
	struct dkim_settings settings;
	struct dkim_library *library;
	struct dkim_keys *keys;
};

/* A key record's name, asked once for all signatures that name it. */
struct key_slot {
	const char *name;
	void *question; /* NULL: not asked yet */
	bool settled;
	enum dkim_code code; /* settled: DKIM_NONE when the key is there, else what the signatures get */
	unsigned traits;
	const char *reason;
	const struct dkim_key *key; /* a reference of the slot's own */
};

struct kept_field {
	struct kept_field *next;
	struct dkim_field field;
};

struct entry {
	struct dkim_result result;
	struct dkim_signature signature; /* well-formed: it is among those that are verified */
	bool checked;                    /* it is one of them */
	bool final;
	size_t field; /* its number among the kept fields */
	struct key_slot *slot;
	int body_want;
	const struct dkim_header_hash *hash; /* NULL: not computed yet */
};

struct dkim {
	struct dkim_service *service;
	struct dns_asker asker;
	uint64_t now_s;
	struct arena *arena;
	bool smtputf8, keep_canonical, headers_ended, body_ended;

	struct kept_field *first, **end;
	size_t n_fields, header_octets, n_from;
	bool too_large;

	struct entry *entries[DKIM_RESULTS_MAX];
	size_t n_entries, n_found, n_checked;
	struct key_slot slots[DKIM_VERIFIED_MAX];
	size_t n_slots;
	struct dkim_body *body; /* NULL: nobody needs it */
};

/* ---- keyslot.c ---- */

/* The slot for a signature's key, its question asked if there is room. */
struct key_slot *dkim_slot_find(struct dkim *dkim, const struct dkim_signature *signature);

/* Ask what could not be asked, and take what has been answered. */
void dkim_slots_step(struct dkim *dkim);

/* What is open is temperror. */
void dkim_slots_stop(struct dkim *dkim);

/* ---- results.c ---- */

void dkim_entry_end(struct entry *entry, enum dkim_code code, const char *reason);

/* What can be said before the key and the body are there. */
void dkim_judge_early(struct dkim *dkim, struct entry *entry);

/* Hash the header for all signatures that may need it, at once. */
void dkim_hash_headers(struct dkim *dkim);

/* After the body's end, once its key's slot is settled or the body alone decides: gives it a final result. */
void dkim_judge(struct dkim *dkim, struct entry *entry);

#endif
