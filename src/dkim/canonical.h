/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canonical - which header fields a signature covers, and their canonical text (RFC 6376 3.4.1, 3.4.2, 3.7, 5.4.2).
 *
 * Threads: pure. The text is for people who want to see what was hashed, and for what libopendkim canonicalises
 * otherwise than the RFC.
 */
#ifndef MAILREEVE_DKIM_CANONICAL_H
#define MAILREEVE_DKIM_CANONICAL_H

#include "dkim/signature.h"

#define DKIM_LIBRARY_DRIFT_S   1000000000 /* how wrong the library may find our clock: it is not the one that counts */
#define DKIM_HEADER_FIELDS_MAX 1000       /* of one message; the caller sees to it */

struct dkim_field {
	const char *text;   /* name, colon, value as they came; CRLF line ends, none at the end; terminated */
	size_t octets;      /* of the text; no NUL is in it */
	size_t name_octets; /* without white space before the colon */
	size_t value_at;    /* after the colon */
	const struct dkim_signature *signature; /* a DKIM-Signature that passed the parser; NULL: any other field */
};

/*
 * The fields that the signature in fields[own] covers, in the order of h=: the last that is not taken yet for each
 * name, never itself. `covered` has room for DKIM_FIELDS_MAX numbers. Returns how many there are; names without a
 * field are left out.
 */
size_t dkim_select_fields(const struct dkim_field *fields, size_t n_fields, size_t own, size_t *covered);

/*
 * The canonical text of these fields and of the signature itself with an empty b=, as it is hashed. The caller frees
 * it. Never NULL.
 */
char *dkim_canonical_text(const struct dkim_field *fields, size_t own, const size_t *covered, size_t n_covered,
                          size_t *octets);

/*
 * Why libopendkim would hash this field otherwise than RFC 6376 says, in words; NULL: it would not. `own`: as the
 * signature, with an empty b=; else as a covered field.
 */
const char *dkim_field_oddity(const struct dkim_field *field, enum dkim_canon canon, bool own);

#endif
