/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend - who answers: a zone file or libunbound. The front (cache, deadlines, limits) knows no more than this.
 *
 * Threads: ask() is called from any session's thread; done() is called by the backend from any thread, also inside
 * ask(), exactly once for every ask(). close() returns when no done() can follow any more.
 */
#ifndef MAILREEVE_DNS_BACKEND_H
#define MAILREEVE_DNS_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "dns/dns.h"

/*
 * What a backend says. FOUND and NONE: a whole DNS message in `packet` (NXDOMAIN, NODATA and TTLs are read from it).
 * status UNSURE: why is SERVFAIL or BOGUS and packet is NULL. The packet is only borrowed for the call.
 */
struct dns_backend_answer {
	enum dns_status status;
	enum dns_why why;
	bool secure;
	const uint8_t *packet;
	size_t packet_octets;
};

typedef void dns_backend_done(void *token, const struct dns_backend_answer *answer);

struct dns_backend {
	void *self;
	void (*ask)(void *self, const uint8_t *wire_name, size_t wire_octets, enum dns_type type, void *token);
	void (*close)(void *self);
};

/* Both return 0, or -1 with err. `done` is used for every answer. */
int dns_unbound_open(struct dns_backend *backend, const struct dns_settings *settings, dns_backend_done *done,
                     struct err *err);
int dns_zone_open(struct dns_backend *backend, const struct dns_settings *settings, dns_backend_done *done,
                  struct err *err);

/* The checks of dns_check() that belong to each backend. */
int dns_unbound_check(const struct dns_settings *settings, struct err *err);
int dns_zone_check(const struct dns_settings *settings, struct err *err);

#endif
