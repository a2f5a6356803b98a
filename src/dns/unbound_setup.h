/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unbound_setup - what libunbound is told, worked out from the settings without touching the library.
 *
 * Threads: pure functions that read files and limits; no state.
 * Owns: a plan is plain data and points into nothing.
 */
#ifndef MAILREEVE_DNS_UNBOUND_SETUP_H
#define MAILREEVE_DNS_UNBOUND_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "dns/dns.h"

#define UNBOUND_FORWARD_MAX  16   /* forwarders used; more of them find nothing more */
#define UNBOUND_ADDRESS_MAX  80   /* an address, a scope, '@' and a port */
#define UNBOUND_PORTS_WANTED 2048 /* questions at the network at a time (libunbound: outgoing-range) */
#define UNBOUND_PORTS_LEAST  16
#define UNBOUND_TCP_SLOTS    64 /* questions over TCP at a time */

struct unbound_plan {
	enum dns_mode mode;                                     /* RECURSE or FORWARD: AUTO has been decided */
	char forward[UNBOUND_FORWARD_MAX][UNBOUND_ADDRESS_MAX]; /* as libunbound reads them: address@port */
	size_t n_forward;
	bool forward_loopback; /* one of them is on this machine */
	int ports;             /* how many of UNBOUND_PORTS_WANTED the limit of open files leaves room for */
	long file_limit;       /* that limit; -1: none */
};

/* One option of libunbound ("outgoing-range:", "4096"). */
struct unbound_option {
	const char *name;
	const char *value;
};

/*
 * Decide the mode, collect the forwarders, check that the files can be read. Returns 0, or -1 with an err that names
 * the option (dns.forward, dns.resolv_conf, dns.root_hints, dns.trust_anchor).
 */
int unbound_plan_make(struct unbound_plan *plan, const struct dns_settings *settings, struct err *err);

/* Log the mode, and the limit of open files where it leaves less room than wanted. */
void unbound_plan_report(const struct unbound_plan *plan, const struct dns_settings *settings);

/* How many ports fit below a limit of open files (-1: none) when the rest of the process keeps its share. */
int unbound_ports_for(long file_limit);

/* The limit of open files that UNBOUND_PORTS_WANTED needs. */
long unbound_file_limit_wanted(void);

/* The options that do not depend on the machine, for every mode and for forwarding only. Ends with a NULL name. */
const struct unbound_option *unbound_options_common(void);
const struct unbound_option *unbound_options_forward(void);

/* Zones that libunbound answers itself but that the world (or a laboratory) may serve. Ends with NULL. */
const char *const *unbound_zones_open(void);

#endif
