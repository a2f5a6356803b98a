/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * banner - what a mail server says: one reply (RFC 5321 4.2), of one line or many, and the host name in it.
 *
 * Threads: pure; a banner belongs to its caller. Owns nothing.
 * Whoever speaks is a stranger, and need not be a mail server. Nothing of the text is kept but the code and the name,
 * which consists of what a host name may consist of.
 */
#ifndef MAILREEVE_NET_BANNER_H
#define MAILREEVE_NET_BANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/address.h"

#define BANNER_NAME_SIZE       (DOMAIN_OCTETS_MAX + 1)
#define BANNER_WORD_OCTETS_MAX (DOMAIN_OCTETS_MAX + 1) /* a name, and the dot or comma that may follow it */
#define BANNER_LINES_MAX       128

enum banner_state {
	BANNER_MORE,     /* not complete yet */
	BANNER_COMPLETE, /* code and name are set */
	BANNER_NOT_SMTP, /* no mail server speaks like this */
	BANNER_TOO_LONG, /* more lines than BANNER_LINES_MAX, or octets than the caller allows */
};

struct banner {
	int code;                    /* of the last line so far; 0: none yet */
	char name[BANNER_NAME_SIZE]; /* lower-case, no final dot; "" when there is none (yet) */
	/* the parser's own */
	enum banner_state state;
	bool first_line_only; /* where a name is looked for */
	bool final;           /* the line at hand is the last one */
	size_t octets, octets_max;
	unsigned lines;
	size_t column;                     /* in the line at hand */
	char word[BANNER_WORD_OCTETS_MAX]; /* its first word after the code */
	size_t word_octets;                /* more than fit: no name */
	bool word_ended, cr;
};

/*
 * Begin with a reply of at most `octets_max` octets. The name is the first word of the first line in which that is a
 * host name with a dot; with `first_line_only` (the reply to EHLO: the other lines are keywords) of no other line.
 */
void banner_open(struct banner *banner, size_t octets_max, bool first_line_only);

/*
 * Take what has come; returns the state, and in *used how many octets belonged to this reply: what follows is the next
 * one's. A state other than BANNER_MORE stays. Lines may end in CRLF or LF; a reply's lines should have the same code,
 * and where they have not, the last one counts.
 */
enum banner_state banner_feed(struct banner *banner, const uint8_t *octets, size_t length, size_t *used);

#endif
