/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker - how a protocol module (dkim, dmarc) reaches DNS without knowing who waits for it.
 *
 * Threads: as its user. Owns nothing. In the daemon it is a check's run (check_asker()), in the tools a dns_session, in
 * tests a table.
 */
#ifndef MAILREEVE_DNS_ASKER_H
#define MAILREEVE_DNS_ASKER_H

#include "dns/dns.h"

struct dns_asker {
	void *context;
	/* Ask; never blocks. NULL: there is no room for another question now; ask again at the next step. */
	void *(*ask)(void *context, const char *name, enum dns_type type);
	/* As dns_poll(). */
	enum dns_status (*poll)(void *context, void *question, const struct dns_answer **answer);
};

#endif
