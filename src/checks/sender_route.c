/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/sender_route.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "checks/lookup.h"
#include "net/special.h"

/* ---- a host that mail might go to ---- */

enum host_state { HOST_OPEN, HOST_PUBLIC, HOST_PRIVATE, HOST_NOWHERE, HOST_LITERAL, HOST_UNSURE };

struct host {
	struct lookup a, aaaa;
	enum host_state state;
	enum dns_why why; /* HOST_UNSURE */
};

/* Where no mail server of anybody else can be. Not the documentation networks: laboratories live there. */
static bool is_public(const struct ip *ip)
{
	static const struct net closed[] = {
		{ { 4, { 0 } }, 8 },           { { 4, { 10 } }, 8 },          { { 4, { 100, 64 } }, 10 },
		{ { 4, { 127 } }, 8 },         { { 4, { 169, 254 } }, 16 },   { { 4, { 172, 16 } }, 12 },
		{ { 4, { 192, 168 } }, 16 },   { { 4, { 224 } }, 3 }, /* multicast, and what was never given out */
		{ { 6, { 0 } }, 127 },                                /* :: and ::1 */
		{ { 6, { 0xfc } }, 7 },        { { 6, { 0xfe, 0x80 } }, 10 }, { { 6, { 0xff } }, 8 },
		{ { 6, { 0xfe, 0xc0 } }, 10 },
	};
	const struct ip target = special_embedded(ip);

	for (size_t i = 0; i < COUNT(closed); i++) {
		if (net_contains(&closed[i], &target))
			return false;
	}
	return true;
}

static bool has_public(const struct lookup *lookup)
{
	for (size_t i = 0; lookup->status == DNS_FOUND && i < lookup->answer->n_records; i++) {
		if (is_public(&lookup->answer->records[i].ip))
			return true;
	}
	return false;
}

static bool is_root(const char *name)
{
	return name[0] == '\0' || strcmp(name, ".") == 0;
}

static void host_open(struct host *host, const char *name)
{
	struct ip ip;

	host->a = lookup_make(name, DNS_A);
	host->aaaa = lookup_make(name, DNS_AAAA);
	if (is_root(name))
		host->state = HOST_NOWHERE;
	else if (ip_parse(&ip, name))
		host->state = HOST_LITERAL;
}

static void host_unsure(struct host *host, enum dns_why why)
{
	host->state = HOST_UNSURE;
	host->why = why;
}

/* Both are answered, and nothing public is among them. */
static void host_conclude(struct host *host)
{
	if (host->a.status == DNS_UNSURE)
		host_unsure(host, host->a.why);
	else if (host->aaaa.status == DNS_UNSURE)
		host_unsure(host, host->aaaa.why);
	else if (lookup_is_cut(&host->a) || lookup_is_cut(&host->aaaa))
		host_unsure(host, DNS_WHY_LIMIT);
	else
		host->state = host->a.status == DNS_NONE && host->aaaa.status == DNS_NONE ? HOST_NOWHERE : HOST_PRIVATE;
}

static void host_step(struct check_run *run, struct host *host)
{
	bool a, aaaa;

	if (host->state != HOST_OPEN)
		return;
	a = lookup_step(run, &host->a);
	aaaa = lookup_step(run, &host->aaaa);
	if (has_public(&host->a) || has_public(&host->aaaa)) {
		host->state = HOST_PUBLIC;
		lookup_drop(&host->a);
		lookup_drop(&host->aaaa);
	} else if (a && aaaa) {
		host_conclude(host);
	}
}

/* ---- the hosts of a domain ---- */

struct route {
	struct lookup mx;
	struct host hosts[ROUTE_HOSTS_MAX]; /* the exchanges, or the domain itself; none before mx is answered */
	size_t n_hosts, hosts_max;
	size_t at; /* they are looked at one after the other: the first one is enough as a rule */
	bool more; /* exchanges than hosts_max */
	bool final;
	enum route_code code;
	enum dns_why why;
	const char *exchange;
};

struct route *route_open(const struct check_run *run, const char *domain, size_t hosts_max)
{
	struct route *route = arena_alloc(run->arena, sizeof(*route));

	route->mx = lookup_make(domain, DNS_MX);
	route->hosts_max = hosts_max;
	route->exchange = "";
	return route;
}

static void finish(struct route *route, enum route_code code)
{
	route->code = code;
	route->final = true;
}

static void finish_unsure(struct route *route, enum dns_why why)
{
	route->why = why;
	finish(route, ROUTE_UNSURE);
}

static int by_preference(const void *a, const void *b)
{
	const struct dns_record *first = *(const struct dns_record *const *)a;
	const struct dns_record *second = *(const struct dns_record *const *)b;

	if (first->preference != second->preference)
		return first->preference < second->preference ? -1 : 1;
	return strcmp(first->name, second->name);
}

static void take_exchanges(struct route *route, const struct dns_answer *answer)
{
	const struct dns_record *sorted[DNS_RECORDS_MAX] = { NULL };
	size_t n = answer->n_records < COUNT(sorted) ? answer->n_records : COUNT(sorted);

	for (size_t i = 0; i < n; i++)
		sorted[i] = &answer->records[i];
	qsort(sorted, n, sizeof(sorted[0]), by_preference);
	for (size_t i = 0; i < n && i < route->hosts_max; i++)
		host_open(&route->hosts[route->n_hosts++], sorted[i]->name);
	route->more = n > route->n_hosts || lookup_is_cut(&route->mx);
}

static void take_mx(struct route *route)
{
	const struct dns_answer *answer = route->mx.answer;

	if (route->mx.status == DNS_UNSURE)
		finish_unsure(route, route->mx.why);
	else if (route->mx.status == DNS_NONE)
		host_open(&route->hosts[route->n_hosts++], route->mx.name);
	else if (answer->n_records == 1 && is_root(answer->records[0].name)) /* RFC 7505 3: it is the only one */
		finish(route, ROUTE_NULL_MX);
	else
		take_exchanges(route, answer);
}

static const struct host *host_in(const struct route *route, enum host_state which)
{
	for (size_t i = 0; i < route->n_hosts; i++) {
		if (route->hosts[i].state == which)
			return &route->hosts[i];
	}
	return NULL;
}

static enum route_code nowhere_code(const struct route *route)
{
	if (route->mx.status == DNS_FOUND)
		return ROUTE_NOWHERE;
	return route->mx.why == DNS_WHY_NODATA ? ROUTE_NO_MAIL : ROUTE_UNKNOWN;
}

/* All hosts have been looked at, each is answered, and none has a public address: the worst of them says why. */
static void conclude_without_public(struct route *route)
{
	static const enum host_state states[] = { HOST_PRIVATE, HOST_LITERAL, HOST_NOWHERE };
	static const enum route_code codes[] = { ROUTE_PRIVATE, ROUTE_LITERAL, ROUTE_NOWHERE };

	for (size_t i = 0; i < COUNT(states); i++) {
		const struct host *host = host_in(route, states[i]);
		if (host == NULL)
			continue;
		if (route->mx.status == DNS_FOUND)
			route->exchange = host->a.name;
		finish(route, states[i] == HOST_NOWHERE ? nowhere_code(route) : codes[i]);
		return;
	}
}

static void conclude(struct route *route)
{
	const struct host *unsure = host_in(route, HOST_UNSURE);

	if (host_in(route, HOST_PUBLIC) != NULL)
		finish(route, ROUTE_FINE);
	else if (unsure != NULL)
		finish_unsure(route, unsure->why);
	else if (route->more)
		finish_unsure(route, DNS_WHY_LIMIT);
	else
		conclude_without_public(route);
}

bool route_step(struct check_run *run, struct route *route)
{
	if (!route->final && route->n_hosts == 0) {
		if (!lookup_step(run, &route->mx))
			return false;
		take_mx(route);
	}
	while (!route->final) {
		struct host *host = &route->hosts[route->at];
		host_step(run, host);
		if (host->state == HOST_OPEN)
			return false;
		/* Where nobody waits any longer the others would not be answered either. */
		if (host->state == HOST_PUBLIC || ++route->at == route->n_hosts ||
		    (run->closing && host->state == HOST_UNSURE))
			conclude(route);
	}
	return true;
}

enum route_code route_get_code(const struct route *route)
{
	return route->code;
}

const char *route_get_exchange(const struct route *route)
{
	return route->exchange;
}

enum dns_why route_get_why(const struct route *route)
{
	return route->why;
}

bool route_may_be(const struct route *route, enum route_code code)
{
	const bool open = route->n_hosts == 0, exchanges = open || route->mx.status == DNS_FOUND;

	if (code == ROUTE_FINE || code == ROUTE_UNSURE)
		return true;
	if (host_in(route, HOST_UNSURE) != NULL || route->more)
		return false;
	switch (code) {
	case ROUTE_NULL_MX:
		return open;
	case ROUTE_NOWHERE:
		return exchanges && host_in(route, HOST_PRIVATE) == NULL && host_in(route, HOST_LITERAL) == NULL;
	case ROUTE_LITERAL:
		return exchanges && host_in(route, HOST_PRIVATE) == NULL;
	case ROUTE_UNKNOWN:
	case ROUTE_NO_MAIL:
		return open || (route->mx.status == DNS_NONE && nowhere_code(route) == code);
	default:
		return true;
	}
}
