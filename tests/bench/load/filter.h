/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter - what the filter says: its negotiation and its replies, held against the protocol.
 *
 * Threads: plain values.
 */
#ifndef MAILREEVE_LOAD_FILTER_H
#define MAILREEVE_LOAD_FILTER_H

#include "base/err.h"

#include "stage.h"
#include "wire.h"

/* The stages that a filter may name macros for, by the protocol's numbers. */
enum symbol_stage {
	SYMBOLS_CONNECT,
	SYMBOLS_HELO,
	SYMBOLS_MAIL,
	SYMBOLS_RCPT,
	SYMBOLS_DATA,
	SYMBOLS_EOM,
	SYMBOLS_EOH,
	SYMBOL_STAGES
};

#define SYMBOLS_MAX 512 /* octets of a list; libmilter's own limit is lower */

struct filter_terms {
	uint32_t version, actions, protocol;
	bool listed[SYMBOL_STAGES];               /* else the MTA's own list counts */
	char symbols[SYMBOL_STAGES][SYMBOLS_MAX]; /* names with a space between */
};

enum filter_reply {
	REPLY_BROKEN,     /* err says why */
	REPLY_PROGRESS,   /* have patience */
	REPLY_CHANGE,     /* a change to the message; the reply is still to come */
	REPLY_QUARANTINE, /* so is this */
	/* what ends a command: */
	REPLY_CONTINUE,
	REPLY_ACCEPT,
	REPLY_REJECT,
	REPLY_TEMPFAIL,
	REPLY_DISCARD,
	REPLY_SKIP,
};

/* Read the reply to a negotiation. Returns 0, or -1: it is none, or asks for what `offered` does not hold. */
int filter_read_terms(struct filter_terms *terms, const struct filter_terms *offered, const struct wire_packet *packet,
                      struct err *err);

/* Were the same things negotiated, lists of macros included? */
bool filter_same_terms(const struct filter_terms *a, const struct filter_terms *b);

/* Read a packet that came while a reply was awaited at `stage`. */
enum filter_reply filter_read_reply(const struct wire_packet *packet, enum load_stage stage,
                                    const struct filter_terms *terms, struct err *err);

#endif
