/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subject - all that is known of one transaction.
 *
 * Threads: belongs to one session. Owns nothing: its texts live in the session's arenas,
 * the connection's and HELO's longer than the message's.
 * All texts are a stranger's unless said otherwise; NULL means: not known (yet).
 */
#ifndef MAILREEVE_MAIL_SUBJECT_H
#define MAILREEVE_MAIL_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "mail/address.h"
#include "mail/author.h"

#define SUBJECT_NAME_OCTETS_MAX 255 /* HELO argument, host names, macro values are cut there */
#define SUBJECT_SID_SIZE        16
#define SUBJECT_FROM_MAX        4 /* From fields that are read; more are counted */

struct subject {
	char sid[SUBJECT_SID_SIZE]; /* ours: one for each message, new at every MAIL */

	/* connection */
	struct ip client_ip; /* family 0: a local submission, or unknown */
	uint16_t client_port;
	const char *client_name;    /* the MTA's view: {client_name}, "unknown" when unverified */
	const char *client_ptr;     /* {client_ptr} */
	const char *client_resolve; /* OK, FORGED, TEMP, FAIL */
	const char *daemon_name;    /* {daemon_name}; the administrator's */
	struct ip daemon_ip;     /* {daemon_addr}: of ours, the one that the client connected to; family 0: unknown */
	const char *mta_name;    /* j; the administrator's */
	const char *mta_version; /* v; the administrator's */
	/* Recipients of all its messages: accepted by the MTA, and refused by it as unknown (where it tells) */
	unsigned rcpt_known, rcpt_unknown;

	/* HELO */
	const char *helo;
	const char *tls_version;

	/* message */
	const char *auth_user; /* {auth_authen}: set means: authenticated, by {auth_type} */
	const char *auth_type;
	struct address mail_from;
	struct address rcpt;      /* the recipient being judged; text NULL outside RCPT */
	unsigned n_rcpt;          /* so far, this one included; without those that the MTA has refused */
	const char *queue_id;     /* i, when known */
	uint64_t declared_octets; /* what MAIL said as SIZE (RFC 1870); 0: nothing */
	bool smtputf8;            /* MAIL said SMTPUTF8 (RFC 6531) */
	const struct author *from[SUBJECT_FROM_MAX]; /* the From fields, as far as they have come */
	unsigned n_from;                             /* in all: there should be one (RFC 5322 3.6) */
};

#endif
