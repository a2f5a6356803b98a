/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content_type - what a Content-Type field says, as far as the structure of a message depends on it (RFC 2045 5.1,
 * RFC 2046 5.1, RFC 2231).
 *
 * Threads: pure. Owns nothing. The text is a stranger's.
 */
#ifndef MAILREEVE_MAIL_CONTENT_TYPE_H
#define MAILREEVE_MAIL_CONTENT_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define BOUNDARY_OCTETS_MAX     70   /* RFC 2046 5.1.1 */
#define CONTENT_TYPE_OCTETS_MAX 4096 /* of a value that are read; a longer one is not valid */

enum boundary_state {
	BOUNDARY_NONE,     /* there is no such parameter */
	BOUNDARY_UNUSABLE, /* empty, too long, or not printable */
	BOUNDARY_FINE,
};

struct content_type {
	/*
	 * The whole value is type "/" subtype *(";" parameter). Readers are not strict with values that should have
	 * been quoted, nor with a ";" at the end, and neither is this.
	 */
	bool valid;
	bool multipart; /* damaged or not: readers will take it for one */
	enum boundary_state boundary_state;
	char boundary[BOUNDARY_OCTETS_MAX + 1]; /* without quoting and encoding, no spaces at its end */
	size_t boundary_octets;
};

/* Parse a field's value (folding as "\n" or "\r\n" and white space). The first of two boundaries counts. */
void content_type_parse(struct content_type *type, const char *value, size_t octets);

#endif
