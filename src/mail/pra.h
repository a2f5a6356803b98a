/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pra - the purported responsible address: who seems to have put a message on its way last, as its header fields tell
 * (RFC 4407 2).
 *
 * Threads: belongs to one session. Owns nothing: what is kept lives in the caller's arena, and of each of the four
 * fields that count it is the first value only, cut. All texts are a stranger's.
 */
#ifndef MAILREEVE_MAIL_PRA_H
#define MAILREEVE_MAIL_PRA_H

#include <stdbool.h>

#include "base/arena.h"

/* The fields that can name it, those that count first before the others. */
enum pra_field { PRA_RESENT_SENDER, PRA_RESENT_FROM, PRA_SENDER, PRA_FROM, PRA_FIELDS };

struct pra {
	struct arena *arena;
	const char *values[PRA_FIELDS];   /* of the first one that is not empty; NULL: it found no room */
	unsigned char counts[PRA_FIELDS]; /* of those that are not empty: 0, 1, or 2 for several */
	bool trace;                       /* a Received or Return-Path field came after the first Resent-From */
	bool resent_sender_is_older;      /* the first Resent-Sender came after that */
};

enum pra_state {
	PRA_FOUND,
	PRA_NONE,   /* the message is ill-formed: there is none, and `why` says so in words */
	PRA_UNSURE, /* the session has no memory left: nobody can say */
};

struct pra_result {
	enum pra_state state;
	const char *field; /* that named it, or should have: "Resent-From"; "": there is none of them */
	const char *why;   /* PRA_NONE: "missing", "several fields", "malformed", ...; else "" */
	/*
	 * PRA_FOUND: unquoted, printable ASCII or UTF-8, at most ADDRESS_OCTETS_MAX octets, may be ""; lower-case
	 * A-labels, no final dot, never a literal, but not always a host name (mail/author.h). Else "".
	 */
	const char *local, *domain;
};

void pra_open(struct pra *pra, struct arena *arena);

/*
 * Take a field, in the order of the message, topmost first: the name without a colon, and the value with whatever
 * follows it. A value of white space only counts for nothing, whatever the field.
 */
void pra_add(struct pra *pra, const char *name, const char *value);

/*
 * After the last field. What RFC 4407 leaves to local policy: a field with any damage, or with a local-part longer than
 * a command of SMTP, is hopelessly malformed.
 */
void pra_find(const struct pra *pra, struct pra_result *result);

#endif
