/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - one connection to the filter, as an MTA leads it: negotiation to QUIT.
 *
 * Threads: one serves all. A session owns its socket and its buffers.
 * It never blocks: what it waits for next stands in `state` when a function returns.
 */
#ifndef MAILREEVE_LOAD_SESSION_H
#define MAILREEVE_LOAD_SESSION_H

#include "address.h"
#include "lists.h"
#include "macros.h"
#include "options.h"
#include "stats.h"

#define PLANS_MAX 8

enum session_state {
	SESSION_OVER,  /* and its socket is closed */
	SESSION_IO,    /* waits for its socket */
	SESSION_SLEEP, /* until wake_ns, as the client's next command needs its time */
	SESSION_HELD,  /* idle, until it is dropped */
};

/* What all sessions share. */
struct session_world {
	const struct load_options *options;
	const struct load_lists *lists;
	struct socket_address address;
	struct load_stats *stats;
	struct macro_plan *plans[PLANS_MAX]; /* what was negotiated so far; mostly one */
	size_t n_plans;
	uint64_t messages_left; /* that may still begin */
	uint64_t serial;        /* of the message that began last */
	bool over;              /* no message may begin any more */
};

struct session {
	enum session_state state;
	enum load_stage stage;
	int fd;
	bool awaits;                         /* a reply is due */
	bool held;                           /* it is there to be idle */
	bool gone;                           /* its sleep was cut short; the driver still has it among the sleepers */
	bool quarantined, body_skipped;      /* of the message */
	int64_t begin_ns, wake_ns;           /* since when the sender waits; until when it does not */
	int64_t wait_ns, due_ns, started_ns; /* of the message: waited so far; when it should have begun, and did */
	unsigned messages, recipient, recipients_taken;
	enum load_outcome refusal; /* of the last recipient that was refused */
	size_t field, body_at;
	const struct load_client *client;
	const struct load_message *message;
	const struct macro_plan *plan;
	struct macro_values values;
	struct wire_out out;
	struct wire_in in;
	char queue_id[24], sender[300], sender_host[260], recipient_text[64], client_text[400];
};

/* Begin with the first message (or none: held). `due_ns`: when it should have begun. */
void session_begin(struct session *session, struct session_world *world, bool held, int64_t due_ns, int64_t now_ns);

/* The socket has something to read, or room to write. */
void session_ready(struct session *session, struct session_world *world, int64_t now_ns);

/* wake_ns has come. */
void session_wake(struct session *session, struct session_world *world, int64_t now_ns);

/* A reply has not come in time. */
void session_expire(struct session *session, struct session_world *world, int64_t now_ns);

/* Take leave, and close. A message that is under way has been cut. */
void session_drop(struct session *session, struct session_world *world);

void session_free(struct session *session);

#endif
