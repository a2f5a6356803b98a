/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8 - characters beyond ASCII in a stranger's text (RFC 3629).
 *
 * Threads: pure.
 */
#ifndef MAILREEVE_MAIL_UTF8_H
#define MAILREEVE_MAIL_UTF8_H

#include <stddef.h>

/*
 * The octets (2-4) of the well-formed UTF-8 character at the start of [at, end); 0: there is none, among them ASCII,
 * overlong forms, surrogates, and what is beyond U+10FFFF. This is what grammars permit (RFC 6532 3.1).
 */
size_t utf8_any_octets(const char *at, const char *end);

/* The same without the C1 controls (U+0080-U+009F), which no text shown to people may contain. */
size_t utf8_octets(const char *at, const char *end);

#endif
