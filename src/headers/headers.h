/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers - what is added to a message and what is taken out of it.
 *
 * Threads: settings are immutable; a header_scan belongs to one message.
 * Knows no libmilter: it says which fields to delete and which to insert, milter/ does it.
 */
#ifndef MAILREEVE_HEADERS_HEADERS_H
#define MAILREEVE_HEADERS_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "config/schema.h"
#include "engine/engine.h"

#define HEADER_VALUE_MAX 4096 /* octets of a field we write */
#define HEADER_AUTHRES_TRACKED_MAX \
	4096                      /* Authentication-Results fields looked at in one message; any beyond are removed */
#define HEADER_XSPAM_NAMES_MAX 32 /* distinct X-Spam-* names removed from one message, ours among them */
#define HEADER_NAME_MAX        64 /* octets of such a name */

/* The section "headers". */
struct headers_settings {
	const char *authserv_id;        /* "" = the MTA's name (macro j), else this host's name */
	struct config_array also_strip; /* strings: further authserv-ids whose fields are removed */
	bool authentication_results;
	bool received_spf;
	bool x_spam;       /* X-Spam-Flag, -Score, -Level, -Status */
	bool strip_x_spam; /* remove those that arrived */
};

extern const struct config_row headers_rows[];
extern const size_t headers_n_rows;

/* ---- what arrived ---- */

struct header_scan; /* which fields are to be deleted; in the message's arena; texts are copied */

struct header_scan *header_scan_open(const struct headers_settings *settings, const char *authserv_id,
                                     struct arena *arena);

/* The one it was opened with. */
const char *header_scan_authserv_id(const struct header_scan *scan);

/* Look at one field as it arrives; name and value are a stranger's. */
void header_scan_field(struct header_scan *scan, const char *name, const char *value);

/*
 * The deletions, each name's fields from the highest index down (so that both MTAs' numbering stays right). Start with
 * a zeroed cursor; false: no more. *index counts from 1 among the fields of that name.
 */
struct header_cursor {
	size_t entry;
	unsigned done;
};
bool header_scan_next(const struct header_scan *scan, struct header_cursor *cursor, const char **name, unsigned *index);

/*
 * Does an Authentication-Results value claim this authserv-id (RFC 8601 2.2, 5)? Comments, quoting, case, a version, a
 * final dot, and A-labels against U-labels are understood; a value that cannot be parsed claims it when the id occurs
 * anywhere in it.
 */
bool authres_claims(const char *value, const char *authserv_id);

/* ---- what is written ---- */

/*
 * The values of our fields for a message, without the name and without a leading space, folded with "\n\t" at 78 octets
 * or so, free of "\r" and of anything a stranger could have slipped in. An empty result means: do not write this field.
 */
void headers_authentication_results(struct strbuf *value, const char *authserv_id, const struct engine *engine,
                                    const struct engine_session *session);

/* Received-SPF for one identity (RFC 7208 9.1); empty where headers_spf() has none. */
void headers_received_spf(struct strbuf *value, enum spf_identity identity, const struct engine_session *session);

/*
 * The result of an identity that our fields may speak of; NULL: it was not evaluated for this message, or HELO says no
 * domain name (RFC 7208 2.3), or the sender is an authenticated user of ours, whose address is nobody else's business.
 */
const struct spf_result *headers_spf(const struct engine_session *session, enum spf_identity identity);

/* The result proper: a guess is "none" (RFC 7208 knows no guesses). */
enum spf_code headers_spf_code(const struct spf_result *result);

struct header_spam {
	char flag[8], score[32], level[64], status[HEADER_VALUE_MAX];
};
void headers_x_spam(struct header_spam *spam, const struct engine *engine, const struct engine_session *session,
                    const struct decision *decision);

/*
 * The insertions, each at the top of the message: what comes later stands above. insert() is called once a field, with
 * a value that is not empty; name and value are only borrowed for the call. `scan` NULL: there was none, and nobody
 * knows under which authserv-id Authentication-Results would be written: there are none.
 */
void headers_each_insertion(const struct headers_settings *settings, const struct header_scan *scan,
                            const struct engine *engine, const struct engine_session *session,
                            const struct decision *decision,
                            void (*insert)(void *context, const char *name, const char *value), void *context);

#endif
