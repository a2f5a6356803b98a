/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

#define PENDING_MAX (256UL * 1024) /* octets that are put into the buffer before they are sent */
#define RETRY_NS    1000000        /* a full queue of the listener is tried again */
#define EXTRA_READS 16             /* of a filter that sends more than it should */

static void proceed(struct session *session, struct session_world *world, int64_t now_ns);

/* ---- the end of messages and sessions ---- */

static void over(struct session *session)
{
	if (session->fd >= 0)
		close(session->fd);
	session->fd = -1;
	session->state = SESSION_OVER;
	session->awaits = false;
	session->message = NULL;
}

static void count_message(struct session *session, struct session_world *world, enum load_outcome outcome)
{
	struct load_stats *stats = world->stats;
	const int64_t lag = session->started_ns - session->due_ns;

	if (!session->message)
		return;
	stats->outcomes[session->stage][outcome]++;
	session->message = NULL;
	if (outcome == LOAD_FAILED)
		return;
	histogram_add(&stats->wait, session->wait_ns);
	histogram_add(&stats->lag, lag);
	histogram_add(&stats->wait_from_schedule, session->wait_ns + (lag > 0 ? lag : 0));
}

__attribute__((format(printf, 4, 5))) static void fail(struct session *session, struct session_world *world,
                                                       enum load_error error, const char *format, ...)
{
	struct load_stats *stats = world->stats;
	va_list arguments;

	if (stats->errors[error]++ == 0) {
		va_start(arguments, format);
		vsnprintf(stats->why[error], sizeof(stats->why[error]), format, arguments);
		va_end(arguments);
	}
	count_message(session, world, LOAD_FAILED);
	over(session);
}

/* ---- sending ---- */

/* Send what can be sent. False: the connection is gone, and so is the session. */
static bool flush(struct session *session, struct session_world *world)
{
	while (wire_pending(&session->out)) {
		const ssize_t n = send(session->fd, session->out.octets + session->out.sent,
		                       wire_pending(&session->out), MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0) {
			fail(session, world, session->stage == LOAD_NEGOTIATE ? LOAD_E_CONNECT : LOAD_E_CLOSED,
			     "at %s: %s", load_stage_name(session->stage), strerror(errno));
			return false;
		}
		session->out.sent += (size_t)n;
		world->stats->octets_sent += (uint64_t)n;
	}
	return true;
}

/* As Postfix does it. A QUIT that does not fit into the socket is left out, as by an MTA that dies. */
static void take_leave(struct session *session, struct session_world *world)
{
	wire_command(&session->out, 'A');
	wire_command(&session->out, 'Q');
	if (flush(session, world))
		over(session);
}

/* ---- from stage to stage ---- */

static bool begin_message(struct session *session, struct session_world *world, int64_t now_ns)
{
	if (world->over || world->messages_left == 0)
		return false;
	world->messages_left--;
	world->stats->started++;
	session->message = &world->lists->messages[world->serial % world->lists->n_messages];
	session->started_ns = now_ns;
	session->wait_ns = 0;
	session->messages++;
	commands_new_message(session, world);
	return true;
}

/* The client's next command comes a round trip after the reply. True: at once. */
static bool next_stage(struct session *session, enum load_stage stage, int64_t pause_ns, int64_t now_ns)
{
	session->stage = stage;
	if (pause_ns <= 0)
		return true;
	session->state = SESSION_SLEEP;
	session->wake_ns = now_ns + pause_ns;
	return false;
}

/* Behind a message that was counted: another one, or leave. Returns as next_stage. */
static bool after_message(struct session *session, struct session_world *world, int64_t now_ns)
{
	if (session->messages >= world->options->messages_per_session || !begin_message(session, world, now_ns)) {
		take_leave(session, world);
		return false;
	}
	session->due_ns = now_ns;
	return next_stage(session, LOAD_MAIL, world->options->rtt_ns, now_ns);
}

static bool end_message(struct session *session, struct session_world *world, enum load_outcome outcome, int64_t now_ns)
{
	/* Postfix says so behind every message, whatever has become of it. */
	if (session->stage >= LOAD_MAIL)
		wire_command(&session->out, 'A');
	count_message(session, world, outcome);
	if (session->stage <= LOAD_HELO) {
		take_leave(session, world);
		return false;
	}
	return after_message(session, world, now_ns);
}

static bool after_rcpt(struct session *session, struct session_world *world, int64_t pause_ns, int64_t now_ns)
{
	if (++session->recipient < world->options->recipients)
		return next_stage(session, LOAD_RCPT, pause_ns, now_ns);
	if (session->recipients_taken == 0)
		return end_message(session, world, session->refusal, now_ns);
	return next_stage(session, LOAD_DATA, pause_ns, now_ns);
}

/* What a stage leads to when nothing speaks against it. True: the next one can be sent at once. */
static bool complete(struct session *session, struct session_world *world, int64_t now_ns)
{
	const int64_t rtt_ns = world->options->rtt_ns, piped_ns = world->options->pipelining ? 0 : rtt_ns;
	const struct load_message *message = session->message;

	if (session->held && session->stage == world->options->idle_at) {
		session->state = SESSION_HELD;
		return false;
	}
	switch (session->stage) {
	case LOAD_NEGOTIATE:
		return next_stage(session, LOAD_CONNECT, 0, now_ns);
	case LOAD_CONNECT:
		return next_stage(session, LOAD_HELO, rtt_ns, now_ns);
	case LOAD_HELO:
		return next_stage(session, LOAD_MAIL, rtt_ns, now_ns);
	case LOAD_MAIL:
		return next_stage(session, LOAD_RCPT, piped_ns, now_ns);
	case LOAD_RCPT:
		session->recipients_taken++;
		return after_rcpt(session, world, piped_ns, now_ns);
	case LOAD_DATA:
		return next_stage(session, message->n_fields ? LOAD_HEADER : LOAD_EOH, rtt_ns, now_ns);
	case LOAD_HEADER:
		return next_stage(session, ++session->field < message->n_fields ? LOAD_HEADER : LOAD_EOH, 0, now_ns);
	case LOAD_EOH:
	case LOAD_BODY:
		return next_stage(session,
		                  session->body_at < message->body_octets && !session->body_skipped ? LOAD_BODY
		                                                                                    : LOAD_EOM,
		                  0, now_ns);
	default:
		return end_message(session, world, session->quarantined ? LOAD_QUARANTINED : LOAD_ACCEPTED, now_ns);
	}
}

/* ---- replies ---- */

static bool refused(struct session *session, struct session_world *world, enum load_outcome outcome, int64_t now_ns)
{
	const int64_t rtt_ns = world->options->pipelining ? 0 : world->options->rtt_ns;

	if (session->held) {
		fail(session, world, LOAD_E_CLOSED, "%s at %s: an idle session cannot be held there",
		     load_outcome_name(outcome), load_stage_name(session->stage));
		return false;
	}
	if (session->stage != LOAD_RCPT)
		return end_message(session, world, outcome, now_ns);
	world->stats->recipients_refused++;
	session->refusal = outcome;
	return after_rcpt(session, world, rtt_ns, now_ns);
}

/* What a reply leads to. True: the next stage can be sent at once. */
static bool obey(struct session *session, struct session_world *world, enum filter_reply reply, int64_t now_ns)
{
	switch (reply) {
	case REPLY_REJECT:
		return refused(session, world, LOAD_REJECTED, now_ns);
	case REPLY_TEMPFAIL:
		return refused(session, world, LOAD_TEMPFAILED, now_ns);
	case REPLY_DISCARD:
		return end_message(session, world, LOAD_DISCARDED, now_ns);
	case REPLY_ACCEPT:
		return end_message(session, world, session->quarantined ? LOAD_QUARANTINED : LOAD_ACCEPTED, now_ns);
	case REPLY_SKIP:
		session->body_skipped = true;
		return complete(session, world, now_ns);
	default:
		return complete(session, world, now_ns);
	}
}

static void cut(struct session *session, struct session_world *world)
{
	count_message(session, world, LOAD_CUT);
	over(session);
}

static void on_reply(struct session *session, struct session_world *world, enum filter_reply reply, int64_t now_ns)
{
	const int64_t waited_ns = now_ns - session->begin_ns;
	const enum load_stage stage = session->stage;

	session->awaits = false;
	session->begin_ns = now_ns;
	session->wait_ns += waited_ns;
	if (!session->held)
		histogram_add(&world->stats->stages[stage], waited_ns);
	if (stage == world->options->cut_after) {
		cut(session, world);
		return;
	}
	if (obey(session, world, reply, now_ns))
		proceed(session, world, now_ns);
}

static void on_packet(struct session *session, struct session_world *world, const struct wire_packet *packet,
                      int64_t now_ns)
{
	struct err err = { "" };

	if (!session->awaits) {
		fail(session, world, LOAD_E_PROTOCOL, "packet 0x%02x behind %s, where no reply is due", packet->command,
		     load_stage_name(session->stage));
		return;
	}
	if (session->stage == LOAD_NEGOTIATE) {
		if (commands_read_terms(session, world, packet, &err))
			fail(session, world, LOAD_E_PROTOCOL, "%s", err.text);
		else
			on_reply(session, world, REPLY_CONTINUE, now_ns);
		return;
	}
	const enum filter_reply reply = filter_read_reply(packet, session->stage, &session->plan->terms, &err);
	if (reply == REPLY_BROKEN)
		fail(session, world, LOAD_E_PROTOCOL, "%s", err.text);
	else if (reply == REPLY_CHANGE || reply == REPLY_QUARANTINE)
		world->stats->changes++;
	if (reply == REPLY_QUARANTINE)
		session->quarantined = true;
	if (reply >= REPLY_CONTINUE)
		on_reply(session, world, reply, now_ns);
}

static bool ends_command(const struct wire_packet *packet)
{
	return memchr("Oartcdsyf4", packet->command, sizeof("Oartcdsyf4") - 1) != NULL;
}

/* ---- the socket ---- */

/* Send stages until one has a reply, or the socket takes no more. */
static void proceed(struct session *session, struct session_world *world, int64_t now_ns)
{
	session->state = SESSION_IO;
	while (!session->awaits) {
		if (wire_pending(&session->out) > PENDING_MAX) {
			if (!flush(session, world) || wire_pending(&session->out))
				return;
		}
		session->awaits = commands_send(session, world);
		if (session->awaits)
			break;
		if (session->stage == world->options->cut_after) { /* no reply is due: it is cut behind the packet */
			(void)flush(session, world);
			cut(session, world);
			return;
		}
		if (!complete(session, world, now_ns))
			break;
	}
	if (session->state != SESSION_OVER)
		(void)flush(session, world);
}

/* Read once. False: there is nothing more, or the session is over. */
static bool read_more(struct session *session, struct session_world *world)
{
	size_t room;
	uint8_t *to = wire_room(&session->in, &room);
	const ssize_t n = recv(session->fd, to, room, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		fail(session, world, LOAD_E_CLOSED, "at %s: %s", load_stage_name(session->stage),
		     n ? strerror(errno) : "the filter closed the connection");
		return false;
	}
	session->in.length += (size_t)n;
	return true;
}

/* All that was read at once. What stands behind a reply came before the next command was sent: nobody asked for it. */
static void take_packets(struct session *session, struct session_world *world, int64_t now_ns)
{
	struct wire_packet packet;
	int found;

	while (session->state != SESSION_OVER && (found = wire_take(&session->in, &packet)) != 0) {
		if (found < 0)
			fail(session, world, LOAD_E_PROTOCOL, "a packet whose length is none");
		else if (session->in.start < session->in.length && ends_command(&packet))
			fail(session, world, LOAD_E_PROTOCOL, "%zu octets behind the reply 0x%02x at %s",
			     session->in.length - session->in.start, packet.command, load_stage_name(session->stage));
		else
			on_packet(session, world, &packet, now_ns);
	}
}

void session_ready(struct session *session, struct session_world *world, int64_t now_ns)
{
	if (wire_pending(&session->out)) {
		if (!flush(session, world))
			return;
		if (session->state == SESSION_IO && !session->awaits && !wire_pending(&session->out))
			proceed(session, world, now_ns);
	}
	for (int i = 0; i < EXTRA_READS && session->state != SESSION_OVER && read_more(session, world); i++)
		take_packets(session, world, now_ns);
}

/* ---- begin and end ---- */

static void open_socket(struct session *session, struct session_world *world, int64_t now_ns)
{
	session->fd = socket_address_connect(&world->address);
	if (session->fd < 0 && errno == EAGAIN && now_ns - session->begin_ns < world->options->patience_ns) {
		session->state = SESSION_SLEEP;
		session->wake_ns = now_ns + RETRY_NS;
	} else if (session->fd < 0) {
		fail(session, world, LOAD_E_CONNECT, "%s: %s", world->options->socket, strerror(errno));
	} else {
		world->stats->sessions++;
		proceed(session, world, now_ns);
	}
}

void session_begin(struct session *session, struct session_world *world, bool held, int64_t due_ns, int64_t now_ns)
{
	wire_reset(&session->out, &session->in);
	session->stage = LOAD_NEGOTIATE;
	session->awaits = false;
	session->held = held;
	session->fd = -1;
	session->messages = 0;
	session->message = NULL;
	session->begin_ns = now_ns;
	session->due_ns = due_ns;
	session->plan = NULL;
	commands_new_session(session, world);
	if (held)
		commands_new_message(session, world);
	else if (!begin_message(session, world, now_ns)) {
		over(session);
		return;
	}
	open_socket(session, world, now_ns);
}

void session_wake(struct session *session, struct session_world *world, int64_t now_ns)
{
	if (session->fd < 0) {
		open_socket(session, world, now_ns);
		return;
	}
	session->begin_ns = now_ns;
	proceed(session, world, now_ns);
}

void session_expire(struct session *session, struct session_world *world, int64_t now_ns)
{
	fail(session, world, LOAD_E_PATIENCE, "at %s: no reply for %.3f s", load_stage_name(session->stage),
	     (double)(now_ns - session->begin_ns) / 1e9);
}

void session_drop(struct session *session, struct session_world *world)
{
	count_message(session, world, LOAD_CUT);
	if (session->fd < 0)
		over(session);
	else
		take_leave(session, world);
}

void session_free(struct session *session)
{
	if (session->fd >= 0)
		close(session->fd);
	wire_close(&session->out, &session->in);
}
