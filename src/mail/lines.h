/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines - what is wrong with the lines of a body (RFC 5322 2.1.1, 2.3), octet by octet as it goes by.
 *
 * Threads: belongs to one session. Owns nothing, keeps no text. Where the text is cut makes no difference.
 */
#ifndef MAILREEVE_MAIL_LINES_H
#define MAILREEVE_MAIL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_OCTETS_MAX 998 /* of a line, without its end (RFC 5322 2.1.1) */

struct lines {
	size_t longest_octets; /* of the longest line beyond LINES_OCTETS_MAX, without its end; 0: there is none */
	bool bare_cr;          /* a CR without its LF; at the very end of what came only after lines_end() */
	bool bare_lf;          /* an LF, which ends a line here as well, without its CR */
	bool nul;
	bool eight_bit; /* an octet above 127 */
	/* Of the line that goes on: its octets so far, and the last of all octets. */
	size_t line_octets;
	uint8_t last;
};

void lines_open(struct lines *lines);
void lines_add(struct lines *lines, const uint8_t *octets, size_t length);
void lines_end(struct lines *lines);

#endif
