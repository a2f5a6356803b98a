/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_PORT 40000

/* ---- negotiation ---- */

/* Every session negotiates the same: a plan is made once. */
int commands_read_terms(struct session *session, struct session_world *world, const struct wire_packet *packet,
                        struct err *err)
{
	const struct load_options *options = world->options;
	const struct filter_terms offered = { .version = options->offer_version,
		                              .actions = options->offer_actions,
		                              .protocol = options->offer_protocol };
	struct filter_terms terms;

	if (filter_read_terms(&terms, &offered, packet, err))
		return -1;
	for (size_t i = 0; i < world->n_plans && !session->plan; i++) {
		if (filter_same_terms(&world->plans[i]->terms, &terms))
			session->plan = world->plans[i];
	}
	if (session->plan)
		return 0;
	if (world->n_plans == PLANS_MAX)
		return err_set(err, "the filter negotiates something else each time");
	struct macro_plan *plan = world->plans[world->n_plans++] = load_memory(NULL, sizeof(*plan));
	plan->terms = terms;
	macro_plan_make(plan);
	session->plan = plan;
	return 0;
}

static bool send_negotiation(struct wire_out *out, const struct load_options *options)
{
	wire_begin(out, 'O');
	wire_add_u32(out, options->offer_version);
	wire_add_u32(out, options->offer_actions);
	wire_add_u32(out, options->offer_protocol);
	wire_end(out);
	return true;
}

/* ---- who and whom ---- */

void commands_new_session(struct session *session, struct session_world *world)
{
	const struct load_client *client = &world->lists->clients[world->serial % world->lists->n_clients];
	const bool named = strcmp(client->name, "unknown") != 0;
	const char *address = client->family == '6' ? client->address + strlen("IPv6:") : client->address;

	session->client = client;
	snprintf(session->client_text, sizeof(session->client_text), "%s [%s]", client->name, address);
	session->values = (struct macro_values){ .text = {
							 [MACRO_J] = "mx.example.org",
							 [MACRO_V] = "Postfix 3.7.11",
							 [MACRO_DAEMON_NAME] = "mx.example.org",
							 [MACRO_DAEMON_ADDR] = "192.0.2.1",
							 [MACRO_CLIENT] = session->client_text,
							 [MACRO_CLIENT_NAME] = client->name,
							 [MACRO_CLIENT_ADDR] = client->address,
							 [MACRO_CLIENT_PTR] = client->name,
							 [MACRO_CLIENT_PORT] = "40000",
							 [MACRO_CLIENT_RESOLVE] = named ? "OK" : "FAIL",
							 [MACRO_MAIL_MAILER] = "smtp",
							 [MACRO_RCPT_MAILER] = "virtual",
							 [MACRO_RCPT_HOST] = "example.org",
						 } };
}

void commands_new_message(struct session *session, struct session_world *world)
{
	const char *sender = session->client->sender, *at = strrchr(sender, '@');
	const uint64_t serial = ++world->serial;

	session->quarantined = session->body_skipped = false;
	session->recipient = session->recipients_taken = 0;
	session->field = session->body_at = 0;
	snprintf(session->queue_id, sizeof(session->queue_id), "%010" PRIX64, serial);
	if (world->options->distinct_senders && at)
		snprintf(session->sender, sizeof(session->sender), "<%.*s-%" PRIu64 "%s>", (int)(at - sender), sender,
		         serial, at);
	else if (strcmp(sender, "<>") == 0)
		snprintf(session->sender, sizeof(session->sender), "<>");
	else
		snprintf(session->sender, sizeof(session->sender), "<%.290s>", sender);
	snprintf(session->sender_host, sizeof(session->sender_host), "%.250s", at ? at + 1 : "");
	session->values.text[MACRO_I] = NULL;
}

/* An address without its angle brackets, for a macro. */
static const char *bare(const char *address, char *copy, size_t size)
{
	snprintf(copy, size, "%.*s", (int)(strlen(address) - 2), address + 1);
	return copy;
}

/* ---- commands ---- */

static void send_connect(struct session *session)
{
	const struct load_client *client = session->client;
	struct wire_out *out = &session->out;

	macro_send(out, session->plan, SYMBOLS_CONNECT, 'C', &session->values);
	wire_begin(out, 'C');
	wire_add_text(out, client->name);
	wire_add(out, &client->family, 1);
	wire_add_u16(out, CLIENT_PORT);
	wire_add_text(out, client->address);
	wire_end(out);
}

static void send_text(struct session *session, enum symbol_stage stage, char command, const char *text)
{
	macro_send(&session->out, session->plan, stage, command, &session->values);
	wire_begin(&session->out, command);
	wire_add_text(&session->out, text);
	wire_end(&session->out);
}

static void send_mail(struct session *session)
{
	char address[sizeof(session->sender)];

	session->values.text[MACRO_MAIL_ADDR] = bare(session->sender, address, sizeof(address));
	session->values.text[MACRO_MAIL_HOST] = session->sender_host;
	send_text(session, SYMBOLS_MAIL, 'M', session->sender);
	session->values.text[MACRO_MAIL_ADDR] = NULL;
}

/* Postfix has the queue id behind the first recipient that it takes. */
static void send_rcpt(struct session *session, struct session_world *world)
{
	char address[sizeof(session->recipient_text)];

	world->stats->recipients++;
	snprintf(session->recipient_text, sizeof(session->recipient_text), "<bob%u@example.org>",
	         session->recipient + 1);
	session->values.text[MACRO_I] = session->recipients_taken ? session->queue_id : NULL;
	session->values.text[MACRO_RCPT_ADDR] = bare(session->recipient_text, address, sizeof(address));
	send_text(session, SYMBOLS_RCPT, 'R', session->recipient_text);
	session->values.text[MACRO_RCPT_ADDR] = NULL;
	session->values.text[MACRO_I] = session->queue_id;
}

static void send_plain(struct session *session, enum symbol_stage stage, char command)
{
	macro_send(&session->out, session->plan, stage, command, &session->values);
	wire_command(&session->out, command);
}

static void send_field(struct session *session)
{
	const struct load_field *field = &session->message->fields[session->field];
	const bool leading = session->plan->terms.protocol & PROTO_HDR_LEADSPC;

	macro_send(&session->out, session->plan, SYMBOLS_EOH, 'L', &session->values);
	wire_begin(&session->out, 'L');
	wire_add_text(&session->out, field->name);
	wire_add_text(&session->out, field->value + (!leading && field->value[0] == ' '));
	wire_end(&session->out);
}

static void send_body(struct session *session, const struct load_options *options)
{
	const size_t left = session->message->body_octets - session->body_at;
	const size_t octets = left < options->body_piece ? left : options->body_piece;

	macro_send(&session->out, session->plan, SYMBOLS_EOM, 'B', &session->values);
	wire_begin(&session->out, 'B');
	wire_add(&session->out, session->message->body + session->body_at, octets);
	wire_end(&session->out);
	session->body_at += octets;
}

/* What a filter can say about a stage: leave it out, or do not wait for my reply. */
static const struct {
	uint32_t left_out, no_reply;
} bits[LOAD_STAGES] = {
	[LOAD_CONNECT] = { PROTO_NOCONNECT, PROTO_NR_CONN }, [LOAD_HELO] = { PROTO_NOHELO, PROTO_NR_HELO },
	[LOAD_MAIL] = { PROTO_NOMAIL, PROTO_NR_MAIL },       [LOAD_RCPT] = { PROTO_NORCPT, PROTO_NR_RCPT },
	[LOAD_DATA] = { PROTO_NODATA, PROTO_NR_DATA },       [LOAD_HEADER] = { PROTO_NOHDRS, PROTO_NR_HDR },
	[LOAD_EOH] = { PROTO_NOEOH, PROTO_NR_EOH },          [LOAD_BODY] = { PROTO_NOBODY, PROTO_NR_BODY },
};

/* A stage that the filter does not want to see passes all the same, and Postfix sends its macros. */
static void pass_over(struct session *session)
{
	static const struct {
		enum symbol_stage stage;
		char command;
	} macros[LOAD_STAGES] = {
		[LOAD_CONNECT] = { SYMBOLS_CONNECT, 'C' }, [LOAD_HELO] = { SYMBOLS_HELO, 'H' },
		[LOAD_MAIL] = { SYMBOLS_MAIL, 'M' },       [LOAD_RCPT] = { SYMBOLS_RCPT, 'R' },
		[LOAD_DATA] = { SYMBOLS_DATA, 'T' },       [LOAD_HEADER] = { SYMBOLS_EOH, 'L' },
		[LOAD_EOH] = { SYMBOLS_EOH, 'N' },         [LOAD_BODY] = { SYMBOLS_EOM, 'B' },
	};

	if (session->stage == LOAD_RCPT)
		session->values.text[MACRO_I] = session->queue_id;
	else if (session->stage == LOAD_BODY)
		session->body_at = session->message->body_octets;
	macro_send(&session->out, session->plan, macros[session->stage].stage, macros[session->stage].command,
	           &session->values);
}

static void send_stage(struct session *session, struct session_world *world)
{
	switch (session->stage) {
	case LOAD_CONNECT:
		send_connect(session);
		break;
	case LOAD_HELO:
		send_text(session, SYMBOLS_HELO, 'H', session->client->helo);
		break;
	case LOAD_MAIL:
		send_mail(session);
		break;
	case LOAD_RCPT:
		send_rcpt(session, world);
		break;
	case LOAD_DATA:
		send_plain(session, SYMBOLS_DATA, 'T');
		break;
	case LOAD_HEADER:
		send_field(session);
		break;
	case LOAD_EOH:
		send_plain(session, SYMBOLS_EOH, 'N');
		break;
	case LOAD_BODY:
		send_body(session, world->options);
		break;
	default:
		send_plain(session, SYMBOLS_EOM, 'E');
	}
}

bool commands_send(struct session *session, struct session_world *world)
{
	if (session->stage == LOAD_NEGOTIATE)
		return send_negotiation(&session->out, world->options);
	const uint32_t protocol = session->plan->terms.protocol;
	if (protocol & bits[session->stage].left_out) {
		pass_over(session);
		return false;
	}
	send_stage(session, world);
	return !(protocol & bits[session->stage].no_reply);
}
