/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench/dkim_message - makes signed messages for bench/dkim, each with a key of its own.
 *
 * The header is signed over canonical.h's text and the body over body.h's hash: whether these are right is for the
 * tests; here it only matters that the message passes.
 */
#ifndef MAILREEVE_TESTS_BENCH_DKIM_MESSAGE_H
#define MAILREEVE_TESTS_BENCH_DKIM_MESSAGE_H

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/strbuf.h"
#include "dkim/body.h"
#include "dkim/canonical.h"
#include "dkim/dkim.h"

#define SMALL_OCTETS 4096
#define NOW_S        1767225600U
#define FIELD_OCTETS 2048
#define FIELDS       10
#define OWN          0 /* the signature stands on top */

struct message {
	char name[FIELDS][32], value[FIELDS][FIELD_OCTETS];
	size_t n;
	uint8_t *body;
	size_t body_octets, header_octets;
	EVP_PKEY *key;
	char record[1024];
	struct dns_record dns_record;
	struct dns_answer answer;
	uint8_t hash[32], signature[512]; /* for the raw limit */
	size_t signature_octets;
};

static const char *const fields[][2] = {
	{ "DKIM-Signature", "" },
	{ "Received",
	  " from client.example.org (client.example.org [192.0.2.25])\r\n\tby mail.example.org (Postfix) with "
	  "ESMTPS id 4F2A1B3C5D\r\n\tfor <bob@example.net>; Thu,  1 Jan 2026 00:00:00 +0000 (UTC)" },
	{ "From", " Alice Example <alice@example.org>" },
	{ "To", " Bob Example <bob@example.net>, Carol Example\r\n <carol@example.net>" },
	{ "Subject", " What a verification costs, and what it cannot do without" },
	{ "Date", " Thu, 1 Jan 2026 00:00:00 +0000" },
	{ "Message-ID", " <20260101000000.4F2A1B3C5D@mail.example.org>" },
	{ "MIME-Version", " 1.0" },
	{ "Content-Type", " text/plain; charset=utf-8" },
	{ "User-Agent", " Bench/1.0" },
};

static inline void fail(const char *what)
{
	fprintf(stderr, "bench/dkim: %s\n", what);
	exit(1);
}

static inline EVP_PKEY *make_key(bool ed25519)
{
	EVP_PKEY *key = ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
	                        : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);

	if (!key)
		fail("no key could be made");
	return key;
}

static inline uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 16;
}

/* Base64 as attachments have it: lines of 76. */
static inline size_t fill_base64(uint8_t *at, size_t octets)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t state = 1;
	size_t n = 0;

	for (size_t column = 0; n + 2 < octets; column++) {
		if (column == 76) {
			at[n++] = '\r';
			at[n++] = '\n';
			column = 0;
		}
		at[n++] = (uint8_t)letters[random_next(&state) % 64];
	}
	return n;
}

/*
 * Text as people write it: words of 1 to 10 letters, one space between them and now and then two, lines of 60 to
 * 75, empty lines.
 */
static inline size_t fill_text(uint8_t *at, size_t octets)
{
	uint32_t state = 1;
	size_t n = 0, column = 0;

	while (n + 16 < octets) {
		for (uint32_t left = 1 + random_next(&state) % 10; left > 0; left--, column++)
			at[n++] = (uint8_t)('a' + random_next(&state) % 26);
		if (column >= 60) {
			at[n++] = '\r';
			at[n++] = '\n';
			column = 0;
			if (random_next(&state) % 10 > 0)
				continue;
			at[n++] = '\r';
			at[n++] = '\n';
			continue;
		}
		at[n++] = ' ';
		column++;
		if (random_next(&state) % 32 == 0)
			at[n++] = ' ';
	}
	return n;
}

static inline void fill_body(struct message *message, size_t octets, bool base64)
{
	size_t n;

	message->body = malloc(octets + 4);
	message->body_octets = octets;
	if (!message->body)
		fail("no memory");
	n = base64 ? fill_base64(message->body, octets - 2) : fill_text(message->body, octets - 2);
	memset(message->body + n, 'x', octets - n);
	message->body[octets - 2] = '\r';
	message->body[octets - 1] = '\n';
}

static inline void add_base64(struct strbuf *buf, const uint8_t *octets, size_t length)
{
	unsigned char text[1024];

	EVP_EncodeBlock(text, octets, (int)length);
	strbuf_add(buf, (const char *)text);
}

static inline void make_record(struct message *message, bool ed25519)
{
	struct strbuf buf;
	uint8_t octets[512], *end = octets;
	size_t length = sizeof(octets);

	strbuf_open(&buf, message->record, sizeof(message->record));
	strbuf_addf(&buf, "v=DKIM1; k=%s; p=", ed25519 ? "ed25519" : "rsa");
	if (ed25519)
		EVP_PKEY_get_raw_public_key(message->key, octets, &length);
	else
		length = (size_t)i2d_PUBKEY(message->key, &end);
	add_base64(&buf, octets, length);
	message->dns_record = (struct dns_record){ .data = (const uint8_t *)message->record,
		                                   .octets = strlen(message->record) };
	message->answer = (struct dns_answer){
		.status = DNS_FOUND, .ttl_s = 3600, .records = &message->dns_record, .n_records = 1
	};
}

static inline void write_signature(struct message *message, const char *algorithm, const char *canon,
                                   const uint8_t *body_hash, size_t hash_octets, const uint8_t *signature,
                                   size_t octets)
{
	struct strbuf buf;

	strbuf_open(&buf, message->value[OWN], FIELD_OCTETS);
	strbuf_addf(
		&buf,
		" v=1; a=%s; c=%s/%s; d=example.org; s=bench;\r\n\tt=%u; h=from:to:subject:date:message-id:mime-version:"
		"content-type;\r\n\tbh=",
		algorithm, canon, canon, NOW_S - 60);
	add_base64(&buf, body_hash, hash_octets);
	strbuf_add(&buf, ";\r\n\tb=");
	add_base64(&buf, signature, octets);
}

static inline void hash_body(const struct message *message, enum dkim_canon canon, struct arena *arena,
                             struct dkim_body_result *result)
{
	struct dkim_body *body = dkim_body_open(arena);
	const int want = dkim_body_want(body, canon, false, false, 0);

	dkim_body_add(body, message->body, message->body_octets);
	dkim_body_finish(body);
	dkim_body_get(body, want, result);
}

static inline void hash_header(struct message *message, struct arena *arena)
{
	char text[FIELDS][FIELD_OCTETS + 64], problem[DKIM_REASON_OCTETS_MAX];
	struct dkim_field parts[FIELDS];
	struct dkim_signature signature;
	size_t covered[DKIM_FIELDS_MAX], octets, n;
	struct strbuf buf;
	char *canonical;

	strbuf_open(&buf, problem, sizeof(problem));
	if (dkim_signature_parse(&signature, message->value[OWN], strlen(message->value[OWN]), arena, &buf))
		fail(problem);
	for (size_t i = 0; i < message->n; i++) {
		snprintf(text[i], sizeof(text[i]), "%s:%s", message->name[i], message->value[i]);
		parts[i] = (struct dkim_field){ .text = text[i],
			                        .octets = strlen(text[i]),
			                        .name_octets = strlen(message->name[i]),
			                        .value_at = strlen(message->name[i]) + 1,
			                        .signature = i == OWN ? &signature : NULL };
	}
	n = dkim_select_fields(parts, message->n, OWN, covered);
	canonical = dkim_canonical_text(parts, OWN, covered, n, &octets);
	EVP_Digest(canonical, octets, message->hash, NULL, EVP_sha256(), NULL);
	free(canonical);
}

static inline void sign_hash(struct message *message, bool ed25519)
{
	message->signature_octets = sizeof(message->signature);
	if (ed25519) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		if (EVP_DigestSignInit(context, NULL, NULL, NULL, message->key) != 1 ||
		    EVP_DigestSign(context, message->signature, &message->signature_octets, message->hash, 32) != 1)
			fail("the message could not be signed");
		EVP_MD_CTX_free(context);
		return;
	}
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(message->key, NULL);
	if (EVP_PKEY_sign_init(context) != 1 || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1 ||
	    EVP_PKEY_sign(context, message->signature, &message->signature_octets, message->hash, 32) != 1)
		fail("the message could not be signed");
	EVP_PKEY_CTX_free(context);
}

static inline struct message *make_message(bool ed25519, enum dkim_canon canon, size_t octets, bool base64)
{
	const char *algorithm = ed25519 ? "ed25519-sha256" : "rsa-sha256";
	const char *name = canon == DKIM_SIMPLE ? "simple" : "relaxed";
	struct message *message = memory_new(sizeof(*message));
	struct dkim_body_result body;
	uint8_t nothing[256] = { 0 };
	struct arena arena;

	memset(message, 0, sizeof(*message));
	arena_open(&arena, NULL);
	message->key = make_key(ed25519);
	make_record(message, ed25519);
	for (message->n = 0; message->n < COUNT(fields); message->n++) {
		snprintf(message->name[message->n], sizeof(message->name[0]), "%s", fields[message->n][0]);
		snprintf(message->value[message->n], FIELD_OCTETS, "%s", fields[message->n][1]);
		message->header_octets += strlen(fields[message->n][0]) + strlen(fields[message->n][1]) +
		                          strlen(":\r\n");
	}
	message->header_octets += ed25519 ? 350 : 600; /* the signature */
	fill_body(message, octets > SMALL_OCTETS ? octets : octets - message->header_octets, base64);
	hash_body(message, canon, &arena, &body);
	write_signature(message, algorithm, name, body.hash, body.hash_octets, nothing, ed25519 ? 64 : 256);
	hash_header(message, &arena);
	sign_hash(message, ed25519);
	write_signature(message, algorithm, name, body.hash, body.hash_octets, message->signature,
	                message->signature_octets);
	arena_close(&arena);
	return message;
}

static inline void free_message(struct message *message)
{
	EVP_PKEY_free(message->key);
	free(message->body);
	free(message);
}

#endif
