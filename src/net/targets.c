/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/targets.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/siphash.h"

#define HOUR_MS ((clock_ms)3600 * 1000)

struct target {
	struct target *next_in_bucket;
	struct target *older, *newer; /* by `since` */
	struct net net;
	clock_ms since; /* the beginning of its hour */
	int count;      /* in that hour */
	struct probe_reply *reply;
	clock_ms heard; /* the reply's time */
};

struct targets {
	struct targets_limits limits;
	struct siphash_key key;
	struct target *slots; /* `max` of them, `n` are used */
	struct target **buckets;
	size_t n_buckets, n;
	struct target *oldest, *newest;
};

struct targets *targets_open(const struct targets_limits *limits)
{
	struct targets *targets = memory_new(sizeof(*targets));

	targets->limits = *limits;
	targets->key = siphash_new_key();
	targets->n_buckets = limits->max + 1;
	targets->slots = memory_new(limits->max * sizeof(targets->slots[0]));
	targets->buckets = memory_new(targets->n_buckets * sizeof(targets->buckets[0]));
	return targets;
}

static struct target **bucket_of(const struct targets *targets, const struct net *net)
{
	uint8_t key[sizeof(net->ip.octets) + 2];

	memcpy(key, net->ip.octets, sizeof(net->ip.octets));
	key[sizeof(net->ip.octets)] = net->ip.family;
	key[sizeof(net->ip.octets) + 1] = net->bits;
	return &targets->buckets[siphash(&targets->key, key, sizeof(key)) % targets->n_buckets];
}

/* NULL: there is none. */
static struct target *find(const struct targets *targets, const struct net *net)
{
	struct target *target = *bucket_of(targets, net);

	while (target != NULL && (target->net.bits != net->bits || !ip_equal(&target->net.ip, &net->ip)))
		target = target->next_in_bucket;
	return target;
}

/* ---- in the order of their hours ---- */

static void leave_order(struct targets *targets, struct target *target)
{
	if (target->older != NULL)
		target->older->newer = target->newer;
	else
		targets->oldest = target->newer;
	if (target->newer != NULL)
		target->newer->older = target->older;
	else
		targets->newest = target->older;
}

static void begin_hour(struct targets *targets, struct target *target, clock_ms now)
{
	target->since = now;
	target->count = 0;
	target->older = targets->newest;
	target->newer = NULL;
	if (targets->newest != NULL)
		targets->newest->newer = target;
	else
		targets->oldest = target;
	targets->newest = target;
}

void targets_close(struct targets **targets)
{
	if (*targets == NULL)
		return;
	for (size_t i = 0; i < (*targets)->n; i++)
		free((*targets)->slots[i].reply);
	free((*targets)->slots);
	free((*targets)->buckets);
	free(*targets);
	*targets = NULL;
}

static bool hour_is_over(const struct target *target, clock_ms now)
{
	return now - target->since >= HOUR_MS;
}

static void leave_bucket(struct targets *targets, struct target *target)
{
	struct target **link = bucket_of(targets, &target->net);

	while (*link != target)
		link = &(*link)->next_in_bucket;
	*link = target->next_in_bucket;
}

/* A slot for a new entry, if need be that of the oldest; NULL: its hour is not over. */
static struct target *take_slot(struct targets *targets, clock_ms now)
{
	struct target *target = targets->oldest;

	if (targets->n < targets->limits.max)
		return &targets->slots[targets->n++];
	if (target == NULL || !hour_is_over(target, now))
		return NULL;
	leave_bucket(targets, target);
	leave_order(targets, target);
	free(target->reply);
	return target;
}

/* NULL: there is no room for another one. */
static struct target *add(struct targets *targets, const struct net *net, clock_ms now)
{
	struct target *target = take_slot(targets, now), **bucket = bucket_of(targets, net);

	if (target == NULL)
		return NULL;
	*target = (struct target){ .net = *net, .next_in_bucket = *bucket };
	*bucket = target;
	begin_hour(targets, target, now);
	return target;
}

/* The entry in its present hour; NULL: its limit is reached, or there is no room. */
static struct target *admit(struct targets *targets, const struct net *net, int hour_max, clock_ms now)
{
	struct target *target = find(targets, net);

	if (target == NULL)
		return add(targets, net, now);
	if (hour_is_over(target, now)) {
		leave_order(targets, target);
		begin_hour(targets, target, now);
	}
	return target->count < hour_max ? target : NULL;
}

static struct net address_net(const struct ip *address)
{
	return (struct net){ *address, address->family == 4 ? 32 : 128 };
}

static struct net around(const struct ip *address)
{
	struct net net = { .ip.family = address->family, .bits = address->family == 4 ? 24 : 64 };

	memcpy(net.ip.octets, address->octets, net.bits / 8);
	return net;
}

bool targets_admit(struct targets *targets, const struct ip *address, clock_ms now)
{
	const struct net net = around(address), own = address_net(address);
	struct target *wide = admit(targets, &net, targets->limits.net_hour_max, now);
	/* `wide` is in its hour now, so that no room can be made by forgetting it */
	struct target *narrow = wide != NULL ? admit(targets, &own, targets->limits.address_hour_max, now) : NULL;

	if (narrow == NULL)
		return false;
	wide->count++;
	narrow->count++;
	return true;
}

void targets_keep(struct targets *targets, const struct ip *address, const struct probe_reply *reply, clock_ms now)
{
	const struct net own = address_net(address);
	struct target *target = find(targets, &own);

	if (target == NULL)
		return;
	if (target->reply == NULL)
		target->reply = memory_new(sizeof(*target->reply));
	*target->reply = *reply;
	target->heard = now;
}

const struct probe_reply *targets_find(const struct targets *targets, const struct ip *address, const char *name,
                                       clock_ms now)
{
	const struct net own = address_net(address);
	const struct target *target = find(targets, &own);
	int ttl_s = targets->limits.other_ttl_s;

	if (target == NULL || target->reply == NULL)
		return NULL;
	if (probe_names(target->reply, name) && targets->limits.match_ttl_s > ttl_s)
		ttl_s = targets->limits.match_ttl_s;
	return now - target->heard < (clock_ms)ttl_s * 1000 ? target->reply : NULL;
}

size_t targets_count(const struct targets *targets)
{
	return targets->n;
}
