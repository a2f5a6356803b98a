/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * header_text - hostile text inside structured header fields (RFC 5322 3.2): what a reader decodes is printable ASCII.
 *
 * Octets outside 0x20-0x7e are shown as \xHH. `max` bounds the octets between the delimiters; a cut ends in "...".
 */
#ifndef MAILREEVE_HEADERS_HEADER_TEXT_H
#define MAILREEVE_HEADERS_HEADER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* As a quoted-string, the quotes included. */
void header_add_quoted(struct strbuf *buf, const char *text, size_t max);

/* As a part of a comment, without the parentheses around it. */
void header_add_comment(struct strbuf *buf, const char *text, size_t max);

/* Is it a dot-atom (RFC 5322 3.2.3), which needs no quotes? */
bool header_is_dot_atom(const char *text);

#endif
