/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dns/backend.h"
#include "dns/packet.h"
#include "dns/zone_internal.h"

/* A question that is not answered yet. */
struct delayed {
	struct delayed *next;
	clock_ms due; /* INT64_MAX: never */
	void *token;
	enum dns_type type;
	size_t wire_octets;
	uint8_t wire[DNS_WIRE_MAX];
};

struct dns_zone {
	struct zone *zone;
	dns_backend_done *done;
	pthread_mutex_t lock;   /* guards delayed, closing */
	pthread_cond_t changed; /* CLOCK_MONOTONIC */
	struct delayed *delayed;
	bool closing;
	bool has_thread;
	pthread_t thread;
};

/* What a question comes to. */
struct verdict {
	enum zone_fault fault; /* of the chain's first name that has one; !slow only adds to slow_ms */
	int64_t slow_ms;
};

static const struct zone_record *find_record(const struct zone_node *node, enum dns_type type)
{
	const struct zone_record *record = node->records;

	while (record != NULL && record->type != type)
		record = record->next;
	return record;
}

static void write_records(struct packet_writer *writer, const uint8_t *owner, size_t octets,
                          const struct zone_record *record)
{
	for (enum dns_type type = record->type; record != NULL; record = record->next) {
		if (record->type == type)
			packet_write_record(writer, PACKET_ANSWER, owner, octets, type, record->ttl_s, record->rdata,
			                    record->rdata_octets);
	}
}

/* The SOA that bounds a negative answer: the zone's, or one at the root that says ZONE_TTL_S. */
static void write_soa(struct packet_writer *writer, const struct zone *zone, const uint8_t *wire, size_t octets)
{
	static const uint8_t root[1] = { 0 };
	const uint8_t rdata[22] = { [20] = ZONE_TTL_S >> 8, [21] = ZONE_TTL_S & 0xff };
	const struct zone_node *owner;
	const struct zone_record *soa = zone_find_soa(zone, wire, octets, &owner);

	if (soa != NULL)
		packet_write_record(writer, PACKET_AUTHORITY, owner->wire, owner->wire_octets, DNS_SOA, soa->ttl_s,
		                    soa->rdata, soa->rdata_octets);
	else
		packet_write_record(writer, PACKET_AUTHORITY, root, sizeof root, DNS_SOA, ZONE_TTL_S, rdata,
		                    sizeof rdata);
}

/* Write the answer, following CNAME records as a resolver does, and gather the faults met on the way. */
static struct verdict resolve(const struct zone *zone, const uint8_t *name, size_t name_octets, enum dns_type type,
                              struct packet_writer *writer)
{
	struct verdict verdict = { ZONE_FAULT_NONE, 0 };
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets = name_octets;

	memcpy(wire, name, octets);
	for (int hops = 0; hops <= PACKET_CHAIN_MAX; hops++) {
		const struct zone_node *node = zone_find(zone, wire, octets);
		const struct zone_fault_line *fault = node != NULL ? zone_find_fault(node, type) : NULL;
		if (fault != NULL && fault->fault != ZONE_FAULT_SLOW) {
			verdict.fault = fault->fault;
			return verdict;
		}
		verdict.slow_ms += fault != NULL ? fault->slow_ms : 0;
		const struct zone_record *record = node != NULL ? find_record(node, type) : NULL;
		const struct zone_record *cname = node != NULL && record == NULL ? find_record(node, DNS_CNAME) : NULL;
		if (record != NULL || cname != NULL)
			write_records(writer, wire, octets, record != NULL ? record : cname);
		if (cname == NULL) {
			if (record == NULL)
				write_soa(writer, zone, wire, octets);
			packet_write_rcode(writer, node != NULL ? PACKET_NOERROR : PACKET_NXDOMAIN);
			return verdict;
		}
		octets = cname->rdata_octets;
		memcpy(wire, cname->rdata, octets);
	}
	verdict.fault = ZONE_FAULT_SERVFAIL;
	return verdict;
}

static void answer_unsure(struct dns_zone *self, void *token, enum dns_why why)
{
	const struct dns_backend_answer answer = { .status = DNS_UNSURE, .why = why };

	self->done(token, &answer);
}

static void answer_packet(struct dns_zone *self, void *token, const struct packet_writer *writer)
{
	/* whether it is FOUND or NONE is read from the packet */
	const struct dns_backend_answer answer = {
		.status = DNS_FOUND,
		.packet = writer->packet,
		.packet_octets = writer->octets,
	};

	self->done(token, &answer);
}

static void answer_later(struct dns_zone *self, const uint8_t *wire, size_t octets, enum dns_type type, void *token,
                         clock_ms due)
{
	struct delayed *delayed = memory_new(sizeof *delayed);

	*delayed = (struct delayed){ .due = due, .token = token, .type = type, .wire_octets = octets };
	memcpy(delayed->wire, wire, octets);
	pthread_mutex_lock(&self->lock);
	delayed->next = self->delayed;
	self->delayed = delayed;
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
}

/* Answer now, or put it off where `may_wait`. */
static void answer_question(struct dns_zone *self, const uint8_t *wire, size_t octets, enum dns_type type, void *token,
                            bool may_wait)
{
	uint8_t *packet = memory_new(DNS_ANSWER_OCTETS_MAX);
	struct packet_writer writer;

	packet_write_open(&writer, packet, DNS_ANSWER_OCTETS_MAX, wire, octets, type);
	struct verdict verdict = resolve(self->zone, wire, octets, type, &writer);
	if (verdict.slow_ms != 0 && may_wait)
		answer_later(self, wire, octets, type, token, clock_now() + verdict.slow_ms);
	else if (verdict.fault == ZONE_FAULT_TIMEOUT)
		answer_later(self, wire, octets, type, token, INT64_MAX);
	else if (verdict.fault != ZONE_FAULT_NONE || writer.full)
		answer_unsure(self, token, verdict.fault == ZONE_FAULT_BOGUS ? DNS_WHY_BOGUS : DNS_WHY_SERVFAIL);
	else
		answer_packet(self, token, &writer);
	free(packet);
}

static void zone_ask(void *self, const uint8_t *wire_name, size_t wire_octets, enum dns_type type, void *token)
{
	answer_question(self, wire_name, wire_octets, type, token, true);
}

/* Take the first one that is due out of the list; NULL: *next is when to look again. Needs the lock. */
static struct delayed *take_due(struct dns_zone *self, clock_ms now, clock_ms *next)
{
	*next = INT64_MAX;
	for (struct delayed **link = &self->delayed; *link != NULL; link = &(*link)->next) {
		struct delayed *delayed = *link;
		if (delayed->due <= now) {
			*link = delayed->next;
			return delayed;
		}
		*next = clock_min(*next, delayed->due);
	}
	return NULL;
}

static void *timer_main(void *argument)
{
	struct dns_zone *self = argument;
	clock_ms next;

	pthread_mutex_lock(&self->lock);
	while (!self->closing) {
		struct delayed *delayed = take_due(self, clock_now(), &next);
		if (delayed != NULL) {
			pthread_mutex_unlock(&self->lock);
			answer_question(self, delayed->wire, delayed->wire_octets, delayed->type, delayed->token,
			                false);
			free(delayed);
			pthread_mutex_lock(&self->lock);
		} else if (next == INT64_MAX) {
			pthread_cond_wait(&self->changed, &self->lock);
		} else {
			struct timespec until = clock_timespec(next);
			pthread_cond_timedwait(&self->changed, &self->lock, &until);
		}
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

static int start_timer(struct dns_zone *self, struct err *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int failed = pthread_create(&self->thread, NULL, timer_main, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	self->has_thread = failed == 0;
	return failed == 0 ? 0
	                   : err_set(err, "dns: the thread for !slow answers cannot be started: %s", strerror(failed));
}

static void zone_close(void *argument)
{
	struct dns_zone *self = argument;

	pthread_mutex_lock(&self->lock);
	self->closing = true;
	pthread_cond_signal(&self->changed);
	pthread_mutex_unlock(&self->lock);
	if (self->has_thread)
		pthread_join(self->thread, NULL);
	while (self->delayed != NULL) {
		struct delayed *delayed = self->delayed;
		self->delayed = delayed->next;
		answer_unsure(self, delayed->token, DNS_WHY_SERVFAIL);
		free(delayed);
	}
	zone_file_close(&self->zone);
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

static struct zone *read_zone(const struct dns_settings *settings, struct err *err)
{
	if (settings->zone_file == NULL || settings->zone_file[0] == '\0') {
		err_set(err, "dns mode zone: no zone file is named");
		return NULL;
	}
	return zone_file_open(settings->zone_file, err);
}

int dns_zone_open(struct dns_backend *backend, const struct dns_settings *settings, dns_backend_done *done,
                  struct err *err)
{
	struct zone *zone = read_zone(settings, err);
	pthread_condattr_t monotonic;

	if (zone == NULL)
		return -1;
	struct dns_zone *self = memory_new(sizeof *self);
	self->zone = zone;
	self->done = done;
	pthread_mutex_init(&self->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&self->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (zone_has_slow(zone) && start_timer(self, err) != 0) {
		zone_close(self);
		return -1;
	}
	*backend = (struct dns_backend){ .self = self, .ask = zone_ask, .close = zone_close };
	return 0;
}

int dns_zone_check(const struct dns_settings *settings, struct err *err)
{
	struct zone *zone = read_zone(settings, err);

	if (zone == NULL)
		return -1;
	zone_file_close(&zone);
	return 0;
}
