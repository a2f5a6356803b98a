/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_dns - how mailreeve-check reaches DNS: a zone file in one of its two forms, named resolvers, or what this
 * machine has.
 *
 * Threads: one thread uses it.
 * Owns: the service, its session, and the arena in which answers live.
 */
#ifndef MAILREEVE_TOOLS_CHECK_DNS_H
#define MAILREEVE_TOOLS_CHECK_DNS_H

#include "base/arena.h"
#include "base/err.h"
#include "dns/dns.h"
#include "tools/check_options.h"
#include "tools/check_records.h"

struct tool_dns {
	struct tool_records *records; /* NULL: what follows is asked */
	struct dns *dns;
	struct dns_session *session;
	struct arena_quota quota;
	struct arena arena; /* also for what lives as long as the answers */
	int timeout_ms;     /* of all the work */
};

/* Start it. TOOL_DONE, or with err: TOOL_USAGE where --zone, --resolver or --timeout are wrong, TOOL_FAILED. */
enum tool_exit tool_dns_open(struct tool_dns *dns, const struct tool_options *options, struct err *err);
void tool_dns_close(struct tool_dns *dns);

/* The two functions of a struct spf_dns or dns_asker; the context is the tool_dns. */
void *tool_dns_ask(void *context, const char *name, enum dns_type type);
enum dns_status tool_dns_poll(void *context, void *question, const struct dns_answer **answer);

/* Wait for an answer to any of the questions. False: `deadline` came first. */
bool tool_dns_wait(struct tool_dns *dns, clock_ms deadline);

#endif
