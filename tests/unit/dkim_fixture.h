/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_fixture - keys of all kinds, a zone that has them, and what comes of a signature. Include after <cmocka.h>.
 */
#ifndef MAILREEVE_TESTS_DKIM_FIXTURE_H
#define MAILREEVE_TESTS_DKIM_FIXTURE_H

#include "base/base.h"
#include "dkim_sign.h"
#include "mail/suffix.h"

#define NOW    1700000000u
#define HEADER "From: A <a@example.org>\r\nTo: b@example.net\r\nSubject: hello\r\n  world\r\n"
#define BODY   "Hello \t there,\r\n\r\nthis is it. \r\n\r\n\r\n"
#define TAGS   "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=rsa; h=from:to:subject"

enum { KEY_RSA, KEY_ED25519, KEY_512, KEY_1023, KEY_1024, KEY_EXPONENT, N_KEYS };

static struct signer signers[N_KEYS];

static const struct {
	const char *selector;
	unsigned bits;
	unsigned long long exponent;
} keys[N_KEYS] = {
	[KEY_RSA] = { "rsa", 2048, 0 },    [KEY_ED25519] = { "ed", 0, 0 },
	[KEY_512] = { "s512", 512, 0 },    [KEY_1023] = { "s1023", 1023, 0 },
	[KEY_1024] = { "s1024", 1024, 0 }, [KEY_EXPONENT] = { "exp", 1024, 4294967311u },
};

struct place {
	struct world world;
	struct arena arena;
	const struct dkim_results *results;
};

static inline int open_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		signer_open(&signers[i], keys[i].bits, keys[i].exponent);
	suffix_open();
	return 0;
}

static inline int close_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		signer_close(&signers[i]);
	suffix_close();
	return 0;
}

/* A zone with all keys at example.org, under their selectors; and `more` lines. */
static inline void place_open(struct place *place, const char *more)
{
	char line[5000];

	arena_open(&place->arena, NULL);
	world_open(&place->world, more);
	for (size_t i = 0; i < N_KEYS; i++) {
		snprintf(line, sizeof(line), "%s._domainkey.example.org\tTXT\tv=DKIM1; k=%s; p=%s\n", keys[i].selector,
		         signers[i].ed25519 ? "ed25519" : "rsa", signers[i].p);
		world_zone(&place->world, line, strlen(line));
	}
}

static inline void place_close(struct place *place)
{
	world_close(&place->world);
	arena_close(&place->arena);
}

static inline const struct dkim_result *verify_text(struct place *place, const char *text, size_t octets)
{
	place->results = world_verify(&place->world, text, octets, 0, NOW, &place->arena);
	assert_true(place->results->n > 0);
	return &place->results->results[0];
}

/* Header and body as they are, behind this field. */
static inline const struct dkim_result *verify(struct place *place, const char *field, const char *header,
                                               const char *body)
{
	char *top = sign_format(&place->arena, field, "\r\n", header, "\r\n");
	char *text = sign_format(&place->arena, top, body, "", "");

	return verify_text(place, text, strlen(text));
}

static inline char *sign(struct place *place, int key, const char *tags, const char *header, const char *body)
{
	return sign_field(&signers[key], tags, header, body, strlen(body), &place->arena);
}

static inline void expect(const struct dkim_result *result, enum dkim_code code, const char *reason)
{
	if (result->code != code || strcmp(result->reason, reason) != 0)
		fail_msg("%s (%s) instead of %s (%s)", dkim_code_name(result->code), result->reason,
		         dkim_code_name(code), reason);
	assert_true(strlen(result->reason) < DKIM_REASON_OCTETS_MAX);
}

/* Sign with the key, verify unchanged. */
static inline void expect_signed(int key, const char *tags, const char *more_zone, enum dkim_code code,
                                 const char *reason, unsigned traits)
{
	struct place place;
	const struct dkim_result *result;

	place_open(&place, more_zone);
	result = verify(&place, sign(&place, key, tags, HEADER, BODY), HEADER, BODY);
	expect(result, code, reason);
	assert_int_equal(result->traits, traits);
	place_close(&place);
}

/* A field that the parser refuses, whatever follows; no question is asked for it. */
static inline void expect_refused(const char *value, const char *reason)
{
	struct place place;

	place_open(&place, "");
	expect(verify(&place, sign_format(&place.arena, "DKIM-Signature: ", value, "", ""), HEADER, BODY),
	       DKIM_PERMERROR, reason);
	assert_int_equal(place.world.asked, 0);
	place_close(&place);
}

/* Signatures of the right key under a record with other tags. */
static inline void expect_record(const char *before_p, const char *after_p, const char *tags, enum dkim_code code,
                                 const char *reason, unsigned traits)
{
	char zone[5000];

	snprintf(zone, sizeof(zone), "k._domainkey.example.org\tTXT\t%sp=%s%s\n", before_p, signers[KEY_RSA].p,
	         after_p);
	expect_signed(KEY_RSA, tags, zone, code, reason, traits);
}

#define TAGS_K "v=1; a=rsa-sha256; d=example.org; s=k; h=from"

#endif
