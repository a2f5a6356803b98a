/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format_fields - what the check format remembers of a message's header fields while they go by.
 *
 * Threads: belongs to one session. Owns nothing: the few texts that are kept live in the caller's arena, cut.
 */
#ifndef MAILREEVE_CHECKS_FORMAT_FIELDS_H
#define MAILREEVE_CHECKS_FORMAT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "mail/content_type.h"
#include "mail/date.h"

/* Fields that are known by name; the first ones may occur once only (RFC 5322 3.6, RFC 2045 3). */
enum format_field {
	FIELD_DATE,
	FIELD_SENDER,
	FIELD_REPLY_TO,
	FIELD_TO,
	FIELD_CC,
	FIELD_BCC,
	FIELD_MESSAGE_ID,
	FIELD_IN_REPLY_TO,
	FIELD_REFERENCES,
	FIELD_SUBJECT,
	FIELD_MIME_VERSION,
	FIELD_CONTENT_TYPE,
	FIELD_CONTENT_TRANSFER_ENCODING,
	FIELD_FROM, /* the check counts these by the subject */
	FIELD_COMMENTS,
	FIELD_CONTENT_DESCRIPTION,
	FIELD_RESENT_DATE,
	FIELD_PRECEDENCE,
	FIELD_AUTO_SUBMITTED,
	FIELD_LIST, /* each other field whose name begins with "List-" */
	FIELD_LIST_UNSUBSCRIBE,
	FIELD_LIST_UNSUBSCRIBE_POST,
	FIELDS,
};
#define FIELDS_ONCE FIELD_FROM /* so many of them */

/* Where something was found first, and what. */
struct format_finding {
	const char *field; /* NULL: nowhere */
	const char *what;
};

struct format_fields {
	struct arena *arena;
	bool smtputf8;
	unsigned counts[FIELDS];
	uint64_t octets;     /* of all fields, as they were sent: with their names, colons and line ends */
	size_t longest_line; /* its octets, without its end */
	struct format_finding long_line, eight_bit, encoded_word;
	bool bare_cr, bare_lf; /* as far as the MTA lets us see them */

	/* The first of each. */
	enum date_state date_state;
	int64_t date_s;
	const char *date, *message_id; /* as written, cut */
	bool message_id_valid;
	struct content_type content_type;
	bool encoded;     /* Content-Transfer-Encoding says that more than 7 bits may be there, or that none can be */
	bool has_subject; /* that is not blank */

	bool bulk;      /* Precedence: bulk, list or junk */
	bool automatic; /* Auto-Submitted (RFC 3834), and not "no" */
	bool unsubscribe_uri, unsubscribe_https, one_click;
};

void format_fields_open(struct format_fields *fields, bool smtputf8, struct arena *arena);

/* The name without a colon, and the value with whatever follows it, folded lines separated by "\n" (or CRLF). */
void format_fields_add(struct format_fields *fields, const char *name, const char *value);

/* The names of fields that occur too often, in `text` ("Subject, To"); false: there are none. */
bool format_fields_duplicates(const struct format_fields *fields, char *text, size_t size);

#endif
