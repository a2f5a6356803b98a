/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * talk - one conversation with a mail server, on a non-blocking socket: its greeting, our EHLO, QUIT.
 *
 * Threads: belongs to its caller; never blocks. Owns its socket, from talk_open() to talk_close().
 * Polite: nothing is said before the whole greeting has come (RFC 5321 4.3.1), and whoever greeted is told QUIT.
 */
#ifndef MAILREEVE_NET_TALK_H
#define MAILREEVE_NET_TALK_H

#include "net/probe.h"

enum talk_state {
	TALK_CONNECTING,
	TALK_GREETING, /* waits for 220 */
	TALK_EHLO,     /* the greeting is known; waits for the answer to EHLO */
	TALK_QUIT,     /* all is known; waits for the peer to end it */
	TALK_OVER,
};

struct talk {
	int fd; /* -1: none */
	enum talk_state state;
	struct probe_reply reply;              /* .greeting from TALK_EHLO on, all of it from TALK_QUIT on */
	clock_ms deadline;                     /* talk_step() is due then at the latest */
	char ehlo_name[DOMAIN_OCTETS_MAX + 1]; /* "": our address */
	/* its own */
	const struct probe_settings *settings;
	clock_ms end; /* of the whole */
	struct banner banner;
};

/* Begin to connect. Where that fails at once it is over already. `ehlo_name` as in struct probe_question. */
void talk_open(struct talk *talk, const struct probe_settings *settings, const struct ip *address,
               const char *ehlo_name, clock_ms now);
void talk_close(struct talk *talk);

/* Does it wait to write (else: to read)? */
bool talk_wants_to_write(const struct talk *talk);

/* Go on: `ready` - the socket is; and look whether the deadline has passed. */
void talk_step(struct talk *talk, bool ready, clock_ms now);

#endif
