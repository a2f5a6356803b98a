/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets - whom we have connected to: how often in this hour, and what was heard.
 *
 * Threads: belongs to its caller, who holds a lock. Owns its entries, of which there are never more than `max`.
 * An entry is an address, or the network around it (/24, /64). What was asked within the hour is not forgotten: when
 * there is no room for another one, nobody new is asked.
 */
#ifndef MAILREEVE_NET_TARGETS_H
#define MAILREEVE_NET_TARGETS_H

#include "net/probe.h"

struct targets_limits {
	size_t max;
	int address_hour_max, net_hour_max;
	int match_ttl_s, other_ttl_s;
};

struct targets;

struct targets *targets_open(const struct targets_limits *limits);
void targets_close(struct targets **targets);

/*
 * May this address be connected to now? Then it is counted, for the hour that began with the first one.
 */
bool targets_admit(struct targets *targets, const struct ip *address, clock_ms now);

/* Remember what was heard; only for an address that was admitted, else nothing is kept. */
void targets_keep(struct targets *targets, const struct ip *address, const struct probe_reply *reply, clock_ms now);

/* What was heard, if it is fresh enough for somebody who thinks that it is called `name`; NULL: ask. */
const struct probe_reply *targets_find(const struct targets *targets, const struct ip *address, const char *name,
                                       clock_ms now);

/* How many entries there are. */
size_t targets_count(const struct targets *targets);

#endif
