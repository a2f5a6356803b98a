/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msgid - the identifier that a message gives itself (RFC 5322 3.6.4).
 *
 * Threads: pure. The text is a stranger's.
 */
#ifndef MAILREEVE_MAIL_MSGID_H
#define MAILREEVE_MAIL_MSGID_H

#include <stdbool.h>

/*
 * Is the value of a Message-ID field one msg-id and nothing else: "<" id-left "@" id-right ">"? Obsolete forms (quoted
 * strings on the left, white space and comments between the words), literals on the right and UTF-8 (RFC 6532) are
 * fine; empty sides, dots at the wrong places, a second "@" and spaces inside words are not.
 */
bool msgid_is_valid(const char *text);

#endif
