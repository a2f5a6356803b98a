/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a signature is worth, in the order of RFC 6376 6.1: the clock, the key, the body, the header. What has passed
 * all that can still be unacceptable (RFC 8601 2.7.1, policy).
 */
#include <string.h>

#include "base/base.h"
#include "dkim/verify_internal.h"
#include "mail/suffix.h"

#define SHORT_KEY_BITS 2048 /* RFC 8301 3.2: signers should use at least these */

void dkim_entry_end(struct entry *entry, enum dkim_code code, const char *reason)
{
	entry->result.code = code;
	entry->result.reason = reason;
	entry->final = true;
}

/* ---- before the body ---- */

/* The name of the algorithm, whatever else the signature has. */
static const char *const algorithm_names[] = {
	[DKIM_RSA_SHA1] = "rsa-sha1",
	[DKIM_RSA_SHA256] = "rsa-sha256",
	[DKIM_ED25519_SHA256] = "ed25519-sha256",
};

void dkim_judge_early(struct dkim *dkim, struct entry *entry)
{
	const struct dkim_signature *signature = &entry->signature;
	uint64_t skew_s = (uint64_t)dkim->service->settings.clock_skew_s;

	entry->result.algorithm = algorithm_names[signature->algorithm];
	if (signature->algorithm == DKIM_RSA_SHA1)
		entry->result.traits |= DKIM_TRAIT_SHA1;
	if (signature->signed_at > dkim->now_s + skew_s) {
		dkim_entry_end(entry, DKIM_PERMERROR, "t= lies in the future");
	} else if (signature->has_expiry && signature->expires + skew_s < dkim->now_s) {
		entry->result.traits |= DKIM_TRAIT_EXPIRED;
		dkim_entry_end(entry, DKIM_PERMERROR, "the signature has expired");
	}
}

/* ---- the body ---- */

static void judge_body(struct dkim *dkim, struct entry *entry)
{
	const struct dkim_signature *signature = &entry->signature;
	struct dkim_body_result body;

	dkim_body_get(dkim->body, entry->body_want, &body);
	entry->result.body_covered = body.covered;
	entry->result.body_octets = body.octets;
	if (body.covered < body.octets)
		entry->result.traits |= DKIM_TRAIT_PARTIAL;
	if (signature->has_length && signature->length > body.octets) {
		dkim_entry_end(entry, DKIM_PERMERROR, "l= is larger than the body");
	} else if (body.hash_octets != signature->body_hash_octets ||
	           memcmp(body.hash, signature->body_hash, body.hash_octets) != 0) {
		entry->result.traits |= DKIM_TRAIT_BODY;
		dkim_entry_end(entry, DKIM_FAIL, "the body is not the one that was signed");
	}
}

/* ---- the key ---- */

/* RFC 6376 6.1.2: what the record says about its use. NULL: the key may be used for this signature. */
static const char *key_problem(const struct dkim_signature *signature, const struct dkim_key *key)
{
	const struct dkim_key_record *record = dkim_key_record(key);
	bool sha1 = signature->algorithm == DKIM_RSA_SHA1;

	if (record->ed25519 != (signature->algorithm == DKIM_ED25519_SHA256))
		return "the key is of another kind than a= says";
	if (!(sha1 ? record->sha1 : record->sha256))
		return "the key's h= does not allow the hash of a=";
	if (!record->email)
		return "the key's s= does not allow e-mail";
	if (record->strict && strcmp(signature->identity_domain, signature->domain) != 0)
		return "the key's t=s demands that i= has the domain of d=";
	return NULL;
}

/* Kept out of judge_key(): a limit of ours, while what the body says is sure. */
static void judge_key_length(struct dkim *dkim, struct entry *entry)
{
	if (entry->signature.algorithm != DKIM_ED25519_SHA256 &&
	    entry->result.key_bits > (unsigned)dkim->service->settings.bits_max)
		dkim_entry_end(entry, DKIM_PERMERROR, "the RSA key is longer than is verified");
}

static void judge_key(struct dkim *dkim, struct entry *entry)
{
	const struct key_slot *slot = entry->slot;
	const char *problem;
	unsigned bits;

	entry->result.traits |= slot->traits;
	if (slot->key != NULL) {
		bits = dkim_key_bits(slot->key);
		entry->result.key_bits = bits;
		if (dkim_key_record(slot->key)->testing)
			entry->result.traits |= DKIM_TRAIT_TESTING;
		if (!dkim_key_record(slot->key)->ed25519 && bits > 0) {
			if (bits < (unsigned)dkim->service->settings.bits_min)
				entry->result.traits |= DKIM_TRAIT_WEAK_KEY;
			else if (bits < SHORT_KEY_BITS)
				entry->result.traits |= DKIM_TRAIT_SHORT_KEY;
		}
	}
	if (slot->code != DKIM_NONE) {
		dkim_entry_end(entry, slot->code, slot->reason);
		return;
	}
	problem = key_problem(&entry->signature, slot->key);
	if (problem != NULL)
		dkim_entry_end(entry, DKIM_PERMERROR, problem);
}

/* ---- the header ---- */

void dkim_hash_headers(struct dkim *dkim)
{
	struct dkim_field *fields = arena_alloc(dkim->arena, dkim->n_fields * sizeof(*fields));
	struct dkim_header_hash *hashes = arena_alloc(dkim->arena, DKIM_VERIFIED_MAX * sizeof(*hashes));
	struct entry *entries[DKIM_VERIFIED_MAX];
	size_t n_fields = 0, n = 0;

	for (const struct kept_field *kept = dkim->first; kept != NULL; kept = kept->next)
		fields[n_fields++] = kept->field;
	for (size_t i = 0; i < dkim->n_entries; i++) {
		struct entry *entry = dkim->entries[i];
		if (!entry->checked || (entry->final && !dkim->keep_canonical))
			continue;
		fields[entry->field].signature = &entry->signature;
		hashes[n].field = entry->field;
		entries[n++] = entry;
	}
	dkim_header_hashes(dkim->service->library, fields, n_fields, hashes, n, dkim->keep_canonical, dkim->arena);
	for (size_t i = 0; i < n; i++)
		entries[i]->hash = &hashes[i];
}

static void judge_header(struct dkim *dkim, struct entry *entry)
{
	const struct dkim_signature *signature = &entry->signature;

	if (entry->hash == NULL)
		dkim_hash_headers(dkim);
	if (entry->hash == NULL || entry->hash->octets == 0)
		dkim_entry_end(entry, DKIM_PERMERROR, "the header cannot be hashed");
	else if (!dkim_key_verify(entry->slot->key, signature->algorithm, entry->hash->hash, entry->hash->octets,
	                          signature->signature, signature->signature_octets))
		dkim_entry_end(entry, DKIM_FAIL, "the signature does not match the header and the key");
}

/* ---- what is right and still not accepted ---- */

static const char *policy_problem(const struct dkim *dkim, const struct entry *entry)
{
	if (entry->result.traits & DKIM_TRAIT_SHA1)
		return "rsa-sha1 is not accepted (RFC 8301)";
	if (entry->result.traits & DKIM_TRAIT_WEAK_KEY)
		return "the RSA key is too short (RFC 8301)";
	if (entry->result.traits & DKIM_TRAIT_PARTIAL)
		return "l= leaves a part of the body unsigned";
	if (entry->signature.has_length)
		return "l= would have let anybody append to the body";
	if (dkim->n_from != 1)
		return dkim->n_from == 0 ? "the message has no From" : "the message has several From";
	if (suffix_is_public(entry->signature.domain))
		return "d= is a public suffix";
	return NULL;
}

void dkim_judge(struct dkim *dkim, struct entry *entry)
{
	const char *problem;

	if (!entry->slot->settled)
		return;
	judge_key(dkim, entry);
	if (!entry->final)
		judge_body(dkim, entry);
	if (!entry->final)
		judge_key_length(dkim, entry);
	if (!entry->final)
		judge_header(dkim, entry);
	if (entry->final)
		return;
	problem = policy_problem(dkim, entry);
	dkim_entry_end(entry, problem != NULL ? DKIM_POLICY : DKIM_PASS, problem != NULL ? problem : "");
}
