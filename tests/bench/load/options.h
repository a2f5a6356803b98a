/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - what the load generator is asked to do.
 *
 * Threads: filled once, then read. Texts point into argv.
 */
#ifndef MAILREEVE_LOAD_OPTIONS_H
#define MAILREEVE_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

#include "stage.h"

#define MESSAGE_FILES_MAX 4096
#define PIDS_MAX          16
#define CONNECTIONS_MAX   60000
#define RECIPIENTS_MAX    100000
#define BODY_PIECE_MAX    65535

struct load_options {
	const char *socket;
	const char *clients_file, *json_file, *label;
	const char *message_files[MESSAGE_FILES_MAX];
	size_t n_message_files;
	pid_t pids[PIDS_MAX];
	size_t n_pids;
	unsigned connections, messages_per_session, recipients, body_piece, idle;
	uint64_t messages, warmup;   /* 0: no limit; none */
	double seconds, rate;        /* 0: no limit; as fast as it goes */
	double idle_s;               /* how long idle sessions are held when nothing else is asked for */
	int64_t rtt_ns, patience_ns; /* an SMTP round trip; how long a reply may take */
	bool pipelining;             /* the client sends MAIL, RCPT and DATA at once */
	bool distinct_senders;       /* a sender of its own for each message */
	enum load_stage idle_at;     /* the last stage of an idle session */
	enum load_stage cut_after;   /* LOAD_STAGES: never */
	uint32_t offer_version, offer_actions, offer_protocol;
	bool help;
};

/* From the command line, defaults included. Returns 0, or -1 with a reason. */
int load_options_parse(struct load_options *options, int argc, char **argv, struct err *err);

void load_options_help(FILE *out);

#endif
