/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender_route - where mail for a domain goes: to its exchanges, the most preferred first, or to the domain itself
 * where it has none (RFC 5321 5.1, RFC 7505).
 *
 * Threads: belongs to its run. Owns nothing: it lives in the run's arena.
 * One exchange with a public address is enough. What was not answered never makes a domain look worse.
 */
#ifndef MAILREEVE_CHECKS_SENDER_ROUTE_H
#define MAILREEVE_CHECKS_SENDER_ROUTE_H

#include <stdbool.h>

#include "checks/check.h"

#define ROUTE_HOSTS_MAX 20 /* exchanges that can be looked at */

enum route_code {
	ROUTE_FINE,    /* a host with a public address */
	ROUTE_UNKNOWN, /* the domain does not exist */
	ROUTE_NO_MAIL, /* it exists, and has neither an exchange nor an address */
	ROUTE_NULL_MX, /* it says that it takes no mail */
	ROUTE_NOWHERE, /* none of its exchanges has an address */
	ROUTE_PRIVATE, /* what they, or the domain itself, have are private or loopback addresses */
	ROUTE_LITERAL, /* an exchange is an address instead of a name, and none leads anywhere */
	ROUTE_UNSURE,
};
#define ROUTE_CODES 8

struct route;

/* `domain` must live as long as the run; `hosts_max`, up to ROUTE_HOSTS_MAX: exchanges that are looked at. */
struct route *route_open(const struct check_run *run, const char *domain, size_t hosts_max);

/* Ask, and take what was answered. True: the code is final; it is so with run->closing. */
bool route_step(struct check_run *run, struct route *route);

enum route_code route_get_code(const struct route *route);

/* The exchange that the code is about; "": it is about the domain. */
const char *route_get_exchange(const struct route *route);

/* ROUTE_UNSURE: the reason. */
enum dns_why route_get_why(const struct route *route);

/* Before it is final: may the code become this one? Never a "no" too many. */
bool route_may_be(const struct route *route, enum route_code code);

#endif
