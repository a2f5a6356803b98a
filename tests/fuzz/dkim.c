/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim - fuzz targets: signatures, keys, bodies and whole signed messages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dkim/body.h"
#include "dkim/dkim.h"
#include "dkim/key.h"
#include "dkim/signature.h"
#include "fuzz.h"
#include "mail/address.h"

#define PROBLEM_SIZE 300

static void add_base64(struct strbuf *text, const uint8_t *octets, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		const unsigned group = (unsigned)octets[i] << 16 | (i + 1 < n ? (unsigned)octets[i + 1] << 8 : 0) |
		                       (i + 2 < n ? octets[i + 2] : 0);
		const char four[] = { digits[group >> 18], digits[group >> 12 & 63],
			              i + 1 < n ? digits[group >> 6 & 63] : '=', i + 2 < n ? digits[group & 63] : '=' };
		strbuf_add_octets(text, four, sizeof(four));
	}
}

/* ---- signatures ---- */

static void print_signature(struct strbuf *text, const struct dkim_signature *signature)
{
	static const char *const algorithms[] = { "rsa-sha1", "rsa-sha256", "ed25519-sha256" };
	static const char *const canons[] = { "simple", "relaxed" };

	strbuf_addf(text, "v=1; a=%s; c=%s/%s; d=%s; s=%s; h=", algorithms[signature->algorithm],
	            canons[signature->header_canon], canons[signature->body_canon], signature->domain,
	            signature->selector);
	for (size_t i = 0; i < signature->n_fields; i++) {
		strbuf_add(text, i ? ":" : "");
		strbuf_add(text, signature->fields[i]);
	}
	if (signature->has_length)
		strbuf_addf(text, "; l=%llu", (unsigned long long)signature->length);
	if (signature->signed_at > 0)
		strbuf_addf(text, "; t=%llu", (unsigned long long)signature->signed_at);
	if (signature->has_expiry)
		strbuf_addf(text, "; x=%llu", (unsigned long long)signature->expires);
	strbuf_add(text, "; bh=");
	add_base64(text, signature->body_hash, signature->body_hash_octets);
	strbuf_add(text, "; b=");
	add_base64(text, signature->signature, signature->signature_octets);
}

static void check_signature(const struct dkim_signature *signature)
{
	bool has_from = false;

	FUZZ_CHECK(signature->n_fields > 0 && signature->n_fields <= DKIM_FIELDS_MAX);
	for (size_t i = 0; i < signature->n_fields; i++)
		has_from |= strcmp(signature->fields[i], "from") == 0;
	FUZZ_CHECK(has_from);
	FUZZ_CHECK(signature->body_hash_octets == (signature->algorithm == DKIM_RSA_SHA1 ? 20 : 32));
	FUZZ_CHECK(signature->signature_octets > 0 && signature->signature_octets <= DKIM_SIGNED_OCTETS_MAX);
	FUZZ_CHECK(fuzz_is_clean(signature->identity) && strchr(signature->identity, '@'));
	/* i= is d= or below it. */
	const size_t own = strlen(signature->identity_domain), domain = strlen(signature->domain);
	FUZZ_CHECK(own >= domain && strcmp(signature->identity_domain + own - domain, signature->domain) == 0);
	FUZZ_CHECK(own == domain || signature->identity_domain[own - domain - 1] == '.');
	FUZZ_CHECK(!signature->has_expiry || signature->signed_at == 0 || signature->expires > signature->signed_at);
}

static void check_signature_printed(const struct dkim_signature *signature, size_t length, struct arena *arena)
{
	const size_t size = 2 * length + 1024;
	struct dkim_signature again;
	char *memory = arena_alloc(arena, size), wrong[PROBLEM_SIZE];
	struct strbuf text, problem;

	strbuf_open(&text, memory, size);
	strbuf_open(&problem, wrong, sizeof(wrong));
	print_signature(&text, signature);
	FUZZ_CHECK(!text.truncated);
	FUZZ_CHECK(dkim_signature_parse(&again, memory, text.length, arena, &problem) == 0);
	FUZZ_CHECK(again.algorithm == signature->algorithm && again.header_canon == signature->header_canon);
	FUZZ_CHECK(again.body_canon == signature->body_canon && again.n_fields == signature->n_fields);
	FUZZ_CHECK(strcmp(again.domain, signature->domain) == 0 && strcmp(again.selector, signature->selector) == 0);
	FUZZ_CHECK(again.length == signature->length && again.expires == signature->expires);
	FUZZ_CHECK(again.signature_octets == signature->signature_octets &&
	           memcmp(again.signature, signature->signature, again.signature_octets) == 0);
	FUZZ_CHECK(memcmp(again.body_hash, signature->body_hash, again.body_hash_octets) == 0);
}

void fuzz_dkim_signature(const uint8_t *octets, size_t length)
{
	uint8_t *copy = fuzz_copy(octets, length);
	struct dkim_signature signature;
	char memory[PROBLEM_SIZE];
	struct strbuf problem;
	struct arena arena;

	arena_open(&arena, NULL);
	strbuf_open(&problem, memory, sizeof(memory));
	const int result = dkim_signature_parse(&signature, (const char *)copy, length, &arena, &problem);
	FUZZ_CHECK(fuzz_is_printable(signature.domain) && fuzz_is_printable(signature.selector));
	FUZZ_CHECK(strlen(signature.domain) <= DOMAIN_OCTETS_MAX && strlen(signature.selector) <= DOMAIN_OCTETS_MAX);
	FUZZ_CHECK(fuzz_is_terminated(signature.b, sizeof(signature.b)) && fuzz_is_printable(signature.b));
	if (result == 0) {
		check_signature(&signature);
		check_signature_printed(&signature, length, &arena);
	} else {
		FUZZ_CHECK(problem.length > 0 && fuzz_is_printable(memory));
	}
	arena_close(&arena);
	free(copy);
}

/* ---- keys ---- */

static void check_key_printed(const struct dkim_key_record *record)
{
	struct dkim_key_record *again = memory_new(sizeof(*again));
	const size_t size = 2 * DKIM_KEY_OCTETS_MAX + 256;
	char *memory = memory_new(size), wrong[PROBLEM_SIZE];
	struct strbuf text, problem;

	strbuf_open(&text, memory, size);
	strbuf_open(&problem, wrong, sizeof(wrong));
	strbuf_addf(&text, "v=DKIM1; k=%s; h=%s%s%s; s=%s; t=%s%s%s; p=", record->ed25519 ? "ed25519" : "rsa",
	            record->sha1 ? "sha1" : "", record->sha1 && record->sha256 ? ":" : "",
	            record->sha256 ? "sha256"
	            : record->sha1 ? ""
	                           : "other",
	            record->email ? "email" : "other", record->testing ? "y" : "n", record->strict ? ":" : "",
	            record->strict ? "s" : "");
	add_base64(&text, record->key, record->key_octets);
	FUZZ_CHECK(dkim_key_parse(again, (const uint8_t *)memory, text.length, &problem) == 0);
	FUZZ_CHECK(again->ed25519 == record->ed25519 && again->sha1 == record->sha1 && again->sha256 == record->sha256);
	FUZZ_CHECK(again->email == record->email && again->testing == record->testing &&
	           again->strict == record->strict && again->revoked == record->revoked);
	FUZZ_CHECK(again->key_octets == record->key_octets && memcmp(again->key, record->key, again->key_octets) == 0);
	free(memory);
	free(again);
}

/* Octets that nobody has signed. */
static void check_key_verifies_nothing(const struct dkim_key *key)
{
	uint8_t hash[DKIM_HASH_OCTETS_MAX], signature[DKIM_SIGNED_OCTETS_MAX];
	const unsigned bits = dkim_key_bits(key);

	memset(hash, 0x5a, sizeof(hash));
	memset(signature, 0xa5, sizeof(signature));
	for (int i = DKIM_RSA_SHA1; i <= DKIM_ED25519_SHA256; i++) {
		const enum dkim_algorithm algorithm = (enum dkim_algorithm)i;
		const size_t octets = algorithm == DKIM_RSA_SHA1 ? 20 : 32;
		FUZZ_CHECK(!dkim_key_verify(key, algorithm, hash, octets, signature, (bits + 7) / 8 % 1024));
		FUZZ_CHECK(!dkim_key_verify(key, algorithm, hash, octets, signature, 64));
		FUZZ_CHECK(!dkim_key_verify(key, algorithm, hash, octets, signature, 0));
	}
}

void fuzz_dkim_key(const uint8_t *octets, size_t length)
{
	uint8_t *copy = fuzz_copy(octets, length);
	struct dkim_key_record *record = memory_new(sizeof(*record));
	struct dkim_keys *keys = dkim_keys_open(16);
	char memory[PROBLEM_SIZE];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	const bool valid = dkim_key_parse(record, copy, length, &problem) == 0;
	FUZZ_CHECK(valid || (problem.length > 0 && fuzz_is_printable(memory)));
	if (valid) {
		FUZZ_CHECK(record->key_octets <= DKIM_KEY_OCTETS_MAX && record->revoked == (record->key_octets == 0));
		check_key_printed(record);
	}
	strbuf_open(&problem, memory, sizeof(memory));
	const struct dkim_key *key = dkim_keys_get(keys, copy, length, 60, &problem);
	if (key) {
		FUZZ_CHECK(valid && dkim_key_bits(key) <= 8 * DKIM_KEY_OCTETS_MAX);
		FUZZ_CHECK((dkim_key_bits(key) == 0) == record->revoked);
		check_key_verifies_nothing(key);
		dkim_key_release(key);
	} else {
		FUZZ_CHECK(problem.length > 0 && fuzz_is_printable(memory));
	}
	dkim_keys_close(&keys);
	free(record);
	free(copy);
}

/* ---- bodies: two octets for l=, one for how it is cut ---- */

#define CANONS 2

static void append(uint8_t *out, size_t *n, const uint8_t *octets, size_t length)
{
	memcpy(out + *n, octets, length);
	*n += length;
}

/* RFC 6376 3.4.3 and 3.4.4, slow and plainly right. `out` has room for two octets more than the body. */
static size_t canonise(uint8_t *out, const uint8_t *body, size_t length, bool relaxed)
{
	size_t n = 0, filled = 0;

	for (size_t at = 0; at < length;) {
		const size_t begin = n;
		for (; at < length && !(body[at] == '\r' && at + 1 < length && body[at + 1] == '\n'); at++) {
			const bool blank = relaxed && (body[at] == ' ' || body[at] == '\t');
			if (!blank)
				append(out, &n, &body[at], 1);
			else if (n == begin || out[n - 1] != ' ')
				append(out, &n, (const uint8_t *)" ", 1);
		}
		while (relaxed && n > begin && out[n - 1] == ' ')
			n--;
		const bool empty = n == begin;
		append(out, &n, (const uint8_t *)"\r\n", 2);
		filled = empty ? filled : n;
		at += 2;
	}
	if (filled == 0 && !relaxed)
		append(out, &filled, (const uint8_t *)"\r\n", 2);
	return filled;
}

static void check_hash(const struct dkim_body_result *result, const uint8_t *canonical, size_t octets, uint64_t limit)
{
	struct dkim_digest *digest = dkim_digest_open(false);
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	const size_t covered = limit < octets ? (size_t)limit : octets;

	dkim_digest_add(digest, canonical, covered);
	FUZZ_CHECK(dkim_digest_get(digest, hash) == result->hash_octets);
	FUZZ_CHECK(memcmp(hash, result->hash, result->hash_octets) == 0);
	FUZZ_CHECK(result->octets == octets && result->covered == covered);
	dkim_digest_close(&digest);
}

static void hash_body(struct dkim_body_result results[2 * CANONS], const uint8_t *octets, size_t length, size_t piece,
                      uint64_t limit)
{
	int wants[2 * CANONS];
	struct arena arena;

	arena_open(&arena, NULL);
	struct dkim_body *body = dkim_body_open(&arena);
	for (int i = 0; i < 2 * CANONS; i++)
		wants[i] = dkim_body_want(body, i / 2 ? DKIM_RELAXED : DKIM_SIMPLE, false, i % 2, i % 2 ? limit : 0);
	for (size_t at = 0; at < length; at += piece) {
		const size_t n = length - at < piece ? length - at : piece;
		uint8_t *copy = fuzz_copy(octets + at, n);
		dkim_body_add(body, copy, n);
		free(copy);
	}
	dkim_body_finish(body);
	for (int i = 0; i < 2 * CANONS; i++)
		dkim_body_get(body, wants[i], &results[i]);
	(void)dkim_body_is_damaged(body);
	arena_close(&arena);
}

void fuzz_dkim_body(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const uint64_t high = fuzz_octet(&input), limit = high << 8 | fuzz_octet(&input);
	const size_t pieces[] = { length + 1, 1, 1 + (size_t)fuzz_octet(&input) };
	struct dkim_body_result results[2 * CANONS];
	uint8_t *canonical = malloc(length + 2);

	for (size_t i = 0; i < COUNT(pieces); i++) {
		hash_body(results, input.at, input.left, pieces[i], limit);
		for (int relaxed = 0; relaxed < CANONS; relaxed++) {
			const size_t n = canonise(canonical, input.at, input.left, relaxed);
			check_hash(&results[2 * relaxed], canonical, n, UINT64_MAX);
			check_hash(&results[2 * relaxed + 1], canonical, n, limit);
		}
	}
	free(canonical);
}

/* ---- messages: a line with the key record, fields up to an empty line, the body ---- */

/* Every question for a TXT record has the same answer. */
struct one_answer {
	struct dns_record record;
	struct dns_answer answer;
	unsigned asked;
};

static void *ask_one(void *context, const char *name, enum dns_type type)
{
	struct one_answer *one = context;

	FUZZ_CHECK(type == DNS_TXT && fuzz_is_printable(name) && strstr(name, "._domainkey."));
	FUZZ_CHECK(++one->asked <= DKIM_VERIFIED_MAX);
	return one;
}

static enum dns_status poll_one(void *context, void *question, const struct dns_answer **answer)
{
	(void)question;
	*answer = &((struct one_answer *)context)->answer;
	return (*answer)->status;
}

/* A field with its folded lines; NULL: the header has ended. */
static char *next_field(struct fuzz_input *input)
{
	char *field = fuzz_line(input);

	while (field[0] && input->left > 0 && (*input->at == ' ' || *input->at == '\t')) {
		char *more = fuzz_line(input), *joined = memory_new(strlen(field) + strlen(more) + 2);
		strcpy(joined, field); /* NOLINT: it has room for both */
		strcat(joined, "\n");  /* NOLINT */
		strcat(joined, more);  /* NOLINT */
		free(field);
		free(more);
		field = joined;
	}
	if (field[0])
		return field;
	free(field);
	return NULL;
}

static void add_fields(struct dkim *dkim, struct fuzz_input *input)
{
	char *field;

	while ((field = next_field(input)) != NULL) {
		char *colon = strchr(field, ':');
		if (colon) {
			*colon = '\0';
			dkim_add_field(dkim, field, colon + 1);
		}
		free(field);
	}
	dkim_headers_end(dkim);
}

static void check_results(const struct dkim_results *results)
{
	FUZZ_CHECK(results->n <= DKIM_RESULTS_MAX && results->n <= results->n_found);
	for (size_t i = 0; i < results->n; i++) {
		const struct dkim_result *result = &results->results[i];
		FUZZ_CHECK(fuzz_is_printable(result->reason) && strlen(result->reason) <= DKIM_REASON_OCTETS_MAX);
		FUZZ_CHECK(fuzz_is_printable(result->domain) && fuzz_is_printable(result->selector));
		FUZZ_CHECK(fuzz_is_clean(result->identity) && fuzz_is_printable(result->b));
		FUZZ_CHECK(result->body_covered <= result->body_octets);
		FUZZ_CHECK(result->code != DKIM_NONE);
		if (result->code == DKIM_PASS)
			FUZZ_CHECK(!(result->traits & (DKIM_TRAIT_WEAK_KEY | DKIM_TRAIT_SHA1 | DKIM_TRAIT_REVOKED |
			                               DKIM_TRAIT_BODY | DKIM_TRAIT_NO_KEY)) &&
			           result->key_bits > 0 && result->domain[0]);
	}
}

/* Returns what the results were, as a number that tells them apart. */
static unsigned verify(struct dkim_service *service, struct one_answer *one, struct fuzz_input input, size_t piece)
{
	const struct dns_asker asker = { .context = one, .ask = ask_one, .poll = poll_one };
	unsigned told = 0;
	struct arena arena;

	arena_open(&arena, NULL);
	one->asked = 0;
	struct dkim *dkim = dkim_open(service, &asker, 1790000000, &arena);
	add_fields(dkim, &input);
	for (size_t at = 0; dkim_wants_body(dkim) && at < input.left; at += piece) {
		const size_t n = input.left - at < piece ? input.left - at : piece;
		uint8_t *copy = fuzz_copy(input.at + at, n);
		dkim_add_body(dkim, copy, n);
		free(copy);
	}
	dkim_body_end(dkim);
	if (!dkim_step(dkim))
		dkim_stop(dkim);
	const struct dkim_results *results = dkim_get_results(dkim);
	check_results(results);
	for (size_t i = 0; i < results->n; i++)
		told = told * 31 + (unsigned)results->results[i].code * 4096 + results->results[i].traits;
	arena_close(&arena);
	return told;
}

void fuzz_dkim_message(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const struct dkim_settings settings = dkim_default_settings();
	struct one_answer one = { .answer = { .status = DNS_NONE, .why = DNS_WHY_NXDOMAIN } };
	char *key = fuzz_line(&input);
	struct err err = { "" };
	struct dkim_service *service = dkim_service_open(&settings, &err);

	FUZZ_CHECK(service != NULL);
	if (strcmp(key, "!timeout") == 0) {
		one.answer = (struct dns_answer){ .status = DNS_UNSURE, .why = DNS_WHY_TIMEOUT };
	} else if (key[0]) {
		one.record = (struct dns_record){ .data = (const uint8_t *)key, .octets = strlen(key) };
		one.answer =
			(struct dns_answer){ .status = DNS_FOUND, .ttl_s = 60, .records = &one.record, .n_records = 1 };
	}
	/* Where the body is cut makes no difference. */
	const unsigned told = verify(service, &one, input, length + 1);
	FUZZ_CHECK(verify(service, &one, input, 1) == told);
	FUZZ_CHECK(verify(service, &one, input, 1 + length / 3) == told);
	dkim_service_close(&service);
	free(key);
}
