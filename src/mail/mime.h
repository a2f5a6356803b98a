/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mime - follows the parts of a multipart message (RFC 2046 5.1) as its body goes by: was each opened, and closed?
 *
 * Threads: belongs to one session. Owns nothing: it lives in the caller's arena, and stores no more of the body than
 * the line and the Content-Type field that it is reading. Where the body is cut makes no difference. What is inside
 * message/rfc822 is not looked at: bounces carry messages that were cut off.
 */
#ifndef MAILREEVE_MAIL_MIME_H
#define MAILREEVE_MAIL_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "mail/content_type.h"

#define MIME_DEPTH_MAX 16 /* multiparts inside each other that are followed */

struct mime_facts {
	bool no_boundary; /* a multipart part has none that could be used: nothing in it can be found */
	bool unopened;    /* a multipart without any part */
	bool unclosed;    /* one without its last line: parts may be missing */
	bool too_deep;    /* more than MIME_DEPTH_MAX inside each other */
};

struct mime;

/* Follow the message with this Content-Type; NULL: it is no multipart with a usable boundary. */
struct mime *mime_open(const struct content_type *type, struct arena *arena);

void mime_add(struct mime *mime, const uint8_t *octets, size_t length);

/* The whole multipart has been closed: what follows cannot change anything. */
bool mime_is_over(const struct mime *mime);

/* The body has ended. Before that unopened and unclosed are not known of the multiparts that still are open. */
void mime_end(struct mime *mime);

const struct mime_facts *mime_get_facts(const struct mime *mime);

#endif
