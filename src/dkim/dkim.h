/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim - the DKIM signatures of a message, verified while it streams (RFC 6376, 8301, 8463, 8616).
 *
 * Threads: a verification belongs to one message, one thread at a time. The handle (dkim_service) is shared: immutable
 * but for its cache of decoded keys, which has a lock of its own. Owns: a verification lives in its arena and is
 * undone with it (arena_defer()).
 *
 * Keys are asked for as signatures arrive; nothing is awaited before the message has ended, then all keys together. No
 * body is stored. The first DKIM_VERIFIED_MAX signatures from the top of the message that are well-formed are
 * verified, the others reported as not checked: the newest are on top, and a message must not be able to buy more work
 * with more signatures.
 */
#ifndef MAILREEVE_DKIM_DKIM_H
#define MAILREEVE_DKIM_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "dns/asker.h"

#define DKIM_VERIFIED_MAX         8
#define DKIM_RESULTS_MAX          32 /* signatures that get a result of their own; more are counted */
#define DKIM_REASON_OCTETS_MAX    200
#define DKIM_HEADER_OCTETS_MAX    (256 * 1024) /* of all fields (and DKIM_HEADER_FIELDS_MAX of them); else permerror */
#define DKIM_SIGNATURE_OCTETS_MAX (128 * 1024) /* of one DKIM-Signature field */
#define DKIM_B_OCTETS             8            /* first characters of b=, for header.b (RFC 6008) */

/* RFC 8601 2.7.1 */
enum dkim_code { DKIM_NONE, DKIM_PASS, DKIM_FAIL, DKIM_NEUTRAL, DKIM_POLICY, DKIM_TEMPERROR, DKIM_PERMERROR };

const char *dkim_code_name(enum dkim_code code);

/* What else is to be known of a signature, whatever its code. */
enum dkim_trait {
	DKIM_TRAIT_WEAK_KEY = 1,      /* RSA below 1024 bits (RFC 8301 3.2): never pass */
	DKIM_TRAIT_SHA1 = 2,          /* rsa-sha1 (RFC 8301 3.1): never pass */
	DKIM_TRAIT_PARTIAL = 4,       /* l= leaves octets of the body uncovered; any l= is policy at best */
	DKIM_TRAIT_EXPIRED = 8,       /* x= has passed */
	DKIM_TRAIT_TESTING = 16,      /* t=y in the key */
	DKIM_TRAIT_REVOKED = 32,      /* the key's p= is empty */
	DKIM_TRAIT_NO_KEY = 64,       /* there is no key record */
	DKIM_TRAIT_NOT_CHECKED = 128, /* beyond DKIM_VERIFIED_MAX */
	DKIM_TRAIT_BODY = 256,        /* it is the body hash that does not match */
	DKIM_TRAIT_SHORT_KEY = 512,   /* RSA 1024 to 2047 bits: passes */
};

struct dkim_result {
	unsigned index; /* among the DKIM-Signature fields from the top, 0 */
	enum dkim_code code;
	const char *reason;    /* in words, printable, no hostile octets; "" for a plain pass */
	const char *domain;    /* d=, lower-case A-labels; "" when it cannot be read */
	const char *selector;  /* s= */
	const char *identity;  /* i=, cleaned; "@domain" when absent */
	const char *algorithm; /* "rsa-sha256", ...; "" */
	char b[DKIM_B_OCTETS + 1];
	unsigned key_bits; /* 0: no key was read; Ed25519: 256 */
	unsigned traits;
	uint64_t body_covered, body_octets; /* of the canonical body: covered by the hash, and in all */
};

struct dkim_results {
	const struct dkim_result *results; /* by index */
	size_t n;                          /* at most DKIM_RESULTS_MAX */
	size_t n_found;                    /* DKIM-Signature fields in all */
};

/* ---- the service ---- */

struct dkim_settings {
	int key_cache_max; /* decoded keys kept: 1024 */
	int bits_min;      /* RSA: 1024 */
	int bits_max;      /* RSA: 4096, RFC 8301; above it is permerror */
	int clock_skew_s;  /* how far t= may lie ahead and x= behind: 300 */
};

struct dkim_settings dkim_default_settings(void);

struct dkim_service;

/* NULL with err: the libraries cannot be had. */
struct dkim_service *dkim_service_open(const struct dkim_settings *settings, struct err *err);
void dkim_service_close(struct dkim_service **service);

/* ---- one message ---- */

struct dkim;

struct dkim *dkim_open(struct dkim_service *service, const struct dns_asker *asker, uint64_t now_s,
                       struct arena *arena);

/*
 * The message came with SMTPUTF8 (RFC 6531): then d= and s= may have U-labels (RFC 8616), else that is permerror.
 * Before the first field.
 */
void dkim_set_smtputf8(struct dkim *dkim);

/*
 * A header field in its order, as the milter protocol gives it with SMFIP_HDR_LEADSPC: the name, and the value with
 * whatever follows the colon, folded lines separated by "\n" or "\r\n", without the final line end. (libopendkim has a
 * dkim_header() and a dkim_body().)
 */
void dkim_add_field(struct dkim *dkim, const char *name, const char *value);
void dkim_headers_end(struct dkim *dkim);

/* Is there a signature for which the body must be read? Valid after dkim_headers_end(). */
bool dkim_wants_body(const struct dkim *dkim);

/* Any octets, cut anywhere; lines end in CRLF. */
void dkim_add_body(struct dkim *dkim, const uint8_t *octets, size_t length);
void dkim_body_end(struct dkim *dkim);

/*
 * Go on with the keys that have come. True: every signature has its result. Before dkim_body_end() it is never true
 * while a signature needs the body.
 */
bool dkim_step(struct dkim *dkim);

/* Nobody waits any longer: what has no key yet is temperror. Only after dkim_body_end(). */
void dkim_stop(struct dkim *dkim);

/* Final once dkim_step() was true or dkim_stop() was called. */
const struct dkim_results *dkim_get_results(const struct dkim *dkim);

/*
 * For people (mailreeve-check): what was hashed. The canonical header text of signature `index`, cleaned except for
 * line ends. Only kept when dkim_keep_canonical() was called before the first field.
 */
void dkim_keep_canonical(struct dkim *dkim);
const char *dkim_canonical_headers(const struct dkim *dkim, unsigned index);

#endif
