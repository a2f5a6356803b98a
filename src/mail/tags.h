/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tags - lists of tag=value as DKIM and DMARC write them (RFC 6376 3.2), and base64 as they use it.
 *
 * Threads: pure. Owns nothing: what is found points into the caller's text.
 */
#ifndef MAILREEVE_MAIL_TAGS_H
#define MAILREEVE_MAIL_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define TAGS_MAX 64 /* of one list; more are refused */

struct tag {
	const char *name; /* not terminated; case matters */
	size_t name_octets;
	const char *value; /* not terminated; without white space at its ends; folding inside is still there */
	size_t value_octets;
};

struct tag_list {
	struct tag tags[TAGS_MAX];
	size_t n;
};

/*
 * Take a list apart, strictly: tag-spec *( ";" tag-spec ) [ ";" ]; names are ALPHA *(ALPHA / DIGIT / "_"); values are
 * tval *( 1*(WSP / FWS) tval ), 0x21-0x7e without ";"; folding white space (CRLF or a bare LF as the milter gives it,
 * then a space or tab) around names, "=", values and after the last ";". No name twice. `utf8`: well-formed UTF-8 is
 * allowed in values (RFC 8616). 0, or -1 with the error in words in `problem` (printable); the list then holds the tags
 * before the error.
 */
int tags_parse(struct tag_list *list, const char *text, size_t octets, bool utf8, struct strbuf *problem);

/* The tag of this name; NULL: there is none. */
const struct tag *tags_find(const struct tag_list *list, const char *name);

/* Is the tag's value this text, ignoring case? */
bool tag_is(const struct tag *tag, const char *text);

/* Its value as a number of 1 to `digits_max` digits and nothing else. False: it is none, or does not fit. */
bool tag_number(const struct tag *tag, size_t digits_max, uint64_t *number);

/* An element of a value that is a list with colons. */
struct tag_item {
	const char *text; /* not terminated; without white space at its ends */
	size_t octets;    /* 0: nothing between two colons */
};

/*
 * The elements of the value in their order; begin with *offset 0. False: there are no more. An empty value has one
 * element, an empty one.
 */
bool tag_next_item(const struct tag *tag, size_t *offset, struct tag_item *item);

/* Is the element this text, ignoring case? */
bool tag_item_is(const struct tag_item *item, const char *text);

/*
 * Decode base64 (RFC 4648 4) with folding white space anywhere inside. Returns the octets written; -1: not base64,
 * wrong padding, or more than `max` octets. Bits that padding leaves unused may be anything (RFC 4648 3.5).
 */
long base64_decode(const char *text, size_t octets, uint8_t *out, size_t max);

#endif
