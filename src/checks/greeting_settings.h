/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greeting_settings - the options of the check greeting, and the service that is made of them.
 *
 * Threads: made by one thread before any session, immutable afterwards; the service has locks of its own.
 */
#ifndef MAILREEVE_CHECKS_GREETING_SETTINGS_H
#define MAILREEVE_CHECKS_GREETING_SETTINGS_H

#include <stdbool.h>

#include "config/config.h"
#include "net/probe.h"

#define GREETING_ADDRESSES_MAX 10 /* limit of the option addresses_max */

struct greeting_settings {
	const char *ehlo_name;
	int port;
	int connect_ms, step_ms, total_ms;
	int octets_max, addresses_max, probes_max;
	int address_hour_max, net_hour_max;
	int match_ttl_s, other_ttl_s, targets_max;
	struct config_array skip_names;    /* const char * */
	struct config_array deny_networks; /* struct net */
	struct config_array test_networks; /* struct net */
	struct probe *probe;               /* of the worker: greeting_open() to greeting_close() */
};

#define GREETING_OPTIONS 16
extern const struct config_row greeting_options[GREETING_OPTIONS];

/* For struct check. */
struct catalogue;
int greeting_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err);
int greeting_open(void *settings, const struct tally *tally, struct err *err);
void greeting_close(void *settings);

/* Is the name (lower-case, no final dot) one that is not asked? */
bool greeting_skips(const struct greeting_settings *settings, const char *name);

#endif
