/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoded_word - text other than ASCII in header fields, as RFC 2047 writes it: is it whole?
 *
 * Threads: pure. The text is a stranger's.
 */
#ifndef MAILREEVE_MAIL_ENCODED_WORD_H
#define MAILREEVE_MAIL_ENCODED_WORD_H

#include <stddef.h>

/*
 * What is wrong with the first broken encoded-word in the text, in words ("it is not base64"); NULL: none is. What does
 * not begin as one does ("=?" charset "?" encoding "?") is none. Longer words than RFC 2047 allows, empty ones, and
 * charsets that nobody knows are not looked for: every reader copes with them.
 */
const char *encoded_word_fault(const char *text, size_t octets);

#endif
