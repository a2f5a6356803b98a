/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#include "wire.h"

#define NS_A_SECOND 1000000000.0
#define NS_A_MS     1000000.0

enum kind { UNSIGNED, COUNT64, DECIMAL, SPAN_MS, SPAN_S, HEX, TEXT, SWITCH, STAGE, MESSAGE_FILE, PID };

struct row {
	const char *name;
	enum kind kind;
	size_t at; /* in struct load_options */
	double min, max;
	const char *value, *help;
};

#define AT(member) offsetof(struct load_options, member)

static const struct row rows[] = {
	{ "socket", TEXT, AT(socket), 0, 0, "ADDRESS", "unix:PATH, inet:PORT@ADDRESS or inet6:PORT@ADDRESS" },
	{ "connections", UNSIGNED, AT(connections), 1, CONNECTIONS_MAX, "N", "at once (4)" },
	{ "messages", COUNT64, AT(messages), 0, 1e12, "N", "then end (1000 without --seconds)" },
	{ "seconds", DECIMAL, AT(seconds), 0, 1e6, "S", "then begin nothing more" },
	{ "rate", DECIMAL, AT(rate), 0, 1e7, "N", "messages a second by a schedule; 0: as fast as it goes" },
	{ "messages-per-session", UNSIGNED, AT(messages_per_session), 1, 1e9, "N", "(1)" },
	{ "recipients", UNSIGNED, AT(recipients), 1, RECIPIENTS_MAX, "N", "of each message (1)" },
	{ "smtp-rtt-ms", SPAN_MS, AT(rtt_ns), 0, 1e6, "MS", "from a reply to the client's next command (0)" },
	{ "pipelining", SWITCH, AT(pipelining), 0, 0, "", "MAIL, RCPT and DATA come in one round trip" },
	{ "clients", TEXT, AT(clients_file), 0, 0, "FILE", "a line each: ADDRESS [NAME [HELO [SENDER]]]" },
	{ "message", MESSAGE_FILE, AT(message_files), 0, 0, "FILE", "may be given several times: they take turns" },
	{ "distinct-senders", SWITCH, AT(distinct_senders), 0, 0, "", "a sender of its own for each message" },
	{ "body-piece", UNSIGNED, AT(body_piece), 1, BODY_PIECE_MAX, "OCTETS", "(65535)" },
	{ "warmup", COUNT64, AT(warmup), 0, 1e9, "N", "messages before anything is measured (0)" },
	{ "idle", UNSIGNED, AT(idle), 0, CONNECTIONS_MAX, "N", "connections held beside them (0)" },
	{ "idle-at", STAGE, AT(idle_at), 0, 0, "STAGE", "connect, helo, mail or rcpt: where they are held (connect)" },
	{ "idle-seconds", DECIMAL, AT(idle_s), 0, 1e6, "S", "how long they are held without messages (0)" },
	{ "cut-after", STAGE, AT(cut_after), 0, 0, "STAGE", "drop each connection behind this stage" },
	{ "pid", PID, AT(pids), 1, 1e9, "PID", "measure this process and its descendants; several times" },
	{ "patience-s", SPAN_S, AT(patience_ns), 0.001, 1e6, "S", "for a reply (60)" },
	{ "offer-version", UNSIGNED, AT(offer_version), 2, 1e9, "N", "(6)" },
	{ "offer-actions", HEX, AT(offer_actions), 0, 0, "HEX", "(1ff)" },
	{ "offer-protocol", HEX, AT(offer_protocol), 0, 0, "HEX", "(1fffff)" },
	{ "json", TEXT, AT(json_file), 0, 0, "FILE", "all figures; -: standard output, instead of the table" },
	{ "label", TEXT, AT(label), 0, 0, "TEXT", "goes into both" },
	{ "help", SWITCH, AT(help), 0, 0, "", "this text" },
};

static int refuse(const struct row *row, const char *value, struct err *err)
{
	if (row->max > 0)
		return err_set(err, "--%s=%s: a number from %.10g to %.10g is wanted", row->name, value, row->min,
		               row->max);
	return err_set(err, "--%s=%s: %s is wanted", row->name, value,
	               row->kind == HEX ? "a hexadecimal number" : row->help);
}

static int read_number(const struct row *row, const char *value, double *number, struct err *err)
{
	char *end;

	*number = strtod(value, &end);
	if (end == value || *end || !isfinite(*number) || *number < row->min || *number > row->max)
		return refuse(row, value, err);
	if ((row->kind == UNSIGNED || row->kind == COUNT64 || row->kind == PID) && (double)(int64_t)*number != *number)
		return refuse(row, value, err);
	return 0;
}

static int set_number(struct load_options *options, const struct row *row, const char *value, struct err *err)
{
	char *field = (char *)options + row->at;
	double number;

	if (read_number(row, value, &number, err))
		return -1;
	if (row->kind == UNSIGNED)
		*(unsigned *)(void *)field = (unsigned)number;
	else if (row->kind == COUNT64)
		*(uint64_t *)(void *)field = (uint64_t)number;
	else if (row->kind == DECIMAL)
		*(double *)(void *)field = number;
	else if (row->kind == PID && options->n_pids < PIDS_MAX)
		options->pids[options->n_pids++] = (pid_t)number;
	else if (row->kind == PID)
		return err_set(err, "--pid: at most %d", PIDS_MAX);
	else
		*(int64_t *)(void *)field = (int64_t)(number * (row->kind == SPAN_MS ? NS_A_MS : NS_A_SECOND));
	return 0;
}

static int set_hex(struct load_options *options, const struct row *row, const char *value, struct err *err)
{
	char *end;
	const unsigned long number = strtoul(value, &end, 16);

	if (end == value || *end || number > UINT32_MAX)
		return refuse(row, value, err);
	*(uint32_t *)(void *)((char *)options + row->at) = (uint32_t)number;
	return 0;
}

static int set_stage(struct load_options *options, const struct row *row, const char *value, struct err *err)
{
	const enum load_stage stage = load_stage_parse(value);

	if (stage == LOAD_STAGES)
		return err_set(err, "--%s=%s: there is no such stage", row->name, value);
	*(enum load_stage *)(void *)((char *)options + row->at) = stage;
	return 0;
}

static int set(struct load_options *options, const struct row *row, const char *value, struct err *err)
{
	char *field = (char *)options + row->at;

	switch (row->kind) {
	case TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case SWITCH:
		*(bool *)(void *)field = true;
		return 0;
	case HEX:
		return set_hex(options, row, value, err);
	case STAGE:
		return set_stage(options, row, value, err);
	case MESSAGE_FILE:
		if (options->n_message_files == MESSAGE_FILES_MAX)
			return err_set(err, "--message: at most %d files", MESSAGE_FILES_MAX);
		options->message_files[options->n_message_files++] = value;
		return 0;
	default:
		return set_number(options, row, value, err);
	}
}

static int check(struct load_options *options, struct err *err)
{
	if (!options->socket)
		return err_set(err, "--socket is missing: where does the filter listen?");
	if (options->idle && (options->idle_at < LOAD_CONNECT || options->idle_at > LOAD_RCPT))
		return err_set(err, "--idle-at: connect, helo, mail or rcpt");
	if (!options->messages && options->seconds <= 0 && !options->idle)
		options->messages = 1000;
	return 0;
}

int load_options_parse(struct load_options *options, int argc, char **argv, struct err *err)
{
	struct option known[COUNT(rows) + 1] = { 0 };
	int index, found;

	*options = (struct load_options){
		.connections = 4,
		.messages_per_session = 1,
		.recipients = 1,
		.body_piece = BODY_PIECE_MAX,
		.idle_at = LOAD_CONNECT,
		.cut_after = LOAD_STAGES,
		.patience_ns = (int64_t)(60 * NS_A_SECOND),
		.offer_version = MILTER_VERSION,
		.offer_actions = MILTER_ALL_ACTIONS,
		.offer_protocol = MILTER_ALL_PROTOCOL,
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		known[i] = (struct option){ .name = rows[i].name,
			                    .has_arg = rows[i].kind == SWITCH ? no_argument : required_argument };
	optind = 1;
	opterr = 0;
	while ((found = getopt_long(argc, argv, "", known, &index)) == 0) {
		if (set(options, &rows[index], optarg, err))
			return -1;
	}
	if (options->help)
		return 0;
	if (found == '?')
		return err_set(err, "%s: no such option, or its value is missing; --help lists them", argv[optind - 1]);
	if (optind < argc)
		return err_set(err, "%s: only options are understood; --help lists them", argv[optind]);
	return check(options, err);
}

void load_options_help(FILE *out)
{
	fprintf(out, "mailreeve-load - the MTA's side of the milter protocol, many times at once\n\n");
	for (size_t i = 0; i < COUNT(rows); i++)
		fprintf(out, "  --%-22s%-9s%s\n", rows[i].name, rows[i].value, rows[i].help);
}
