/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - a DMARC policy record taken apart (RFC 9989 4.7, 4.8).
 *
 * Threads: pure. Owns nothing.
 *
 * Stricter than the list of tags of DKIM at its beginning, more lenient behind it: only the version makes a record;
 * what is wrong in a tag, or is no tag, costs that tag and no other, so mail/tags.h does not fit.
 */
#ifndef MAILREEVE_DMARC_RECORD_H
#define MAILREEVE_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmarc/dmarc.h"

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

struct dmarc_record {
	enum dmarc_policy p, sp, np; /* what applies: sp stands in for an absent np, p for an absent sp */
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf;
	bool testing;
	bool usable;         /* false: a bad policy and nobody to tell (4.10.1), no DMARC for this message */
	const char *problem; /* what is wrong with the policy, in words; "" nothing */
};

/* Is this TXT record a DMARC record: the tag v first, its value DMARC1 exactly? The octets may contain anything. */
bool dmarc_is_record(const uint8_t *octets, size_t length);

/*
 * Take a record apart for which dmarc_is_record() holds. Tag names and the values of p, sp, np, t, psd, adkim and aspf
 * are compared without case (4.8 with RFC 5234 2.3). Unknown tags (pct is one now) are passed over; a known one with a
 * bad value, or with two different ones, counts as absent. But a bad p, sp or np makes all three "none" if a valid rua
 * asks for reports, else the record is not usable.
 */
void dmarc_record_parse(struct dmarc_record *record, const uint8_t *octets, size_t length);

/* One level below, as t=y asks: reject - quarantine - none. */
enum dmarc_policy dmarc_softened(enum dmarc_policy policy);

#endif
