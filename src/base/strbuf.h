/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strbuf - text built in a buffer of a fixed size that the caller owns.
 *
 * Threads: belongs to its caller. Owns nothing.
 * Always terminated; what does not fit is dropped and `truncated` is set.
 */
#ifndef MAILREEVE_BASE_STRBUF_H
#define MAILREEVE_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *text;
	size_t length;
	size_t size; /* of the memory behind text, the terminator included */
	bool truncated;
};

/* Begin with an empty text in `memory` of `size` octets (at least 1). */
void strbuf_open(struct strbuf *buf, char *memory, size_t size);

void strbuf_add(struct strbuf *buf, const char *text);
void strbuf_add_octets(struct strbuf *buf, const char *octets, size_t length);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Add hostile text as printable ASCII: octets outside 0x20-0x7e become \xHH, and so do '\\' and each octet of `special`
 * (may be NULL). At most `max` octets of the result are added, cut ends in "...".
 */
void strbuf_add_clean(struct strbuf *buf, const char *text, const char *special, size_t max);

/* The same for a text that may hold such escapes already: a backslash stays as it is. */
void strbuf_add_printable(struct strbuf *buf, const char *text);

/*
 * Add hostile text as a log value: as it is when it consists of plain characters only (letters, digits and
 * .-_@:/+<>[]=~*,%), else in double quotes with '"', '\\' and everything unprintable escaped as \xHH.
 */
void strbuf_add_quoted(struct strbuf *buf, const char *text, size_t max);

/* In decimal digits: a tenth of the price of strbuf_addf(). */
void strbuf_add_number(struct strbuf *buf, uint64_t number);

/* Points in thousandths as decimals: 9200 is "9.2", 0 is "0.0", -1250 is "-1.25". */
void strbuf_add_points(struct strbuf *buf, int points_milli);

#endif
