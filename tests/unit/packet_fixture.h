/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_fixture - DNS messages under construction, and a reader that is given not one octet too many.
 */
#ifndef MAILREEVE_TESTS_PACKET_FIXTURE_H
#define MAILREEVE_TESTS_PACKET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/name.h"
#include "dns/packet.h"

#define PACKET_MAX 4096

/* A message under construction, about one question. */
struct message {
	struct packet_writer writer;
	uint8_t octets[PACKET_MAX];
	uint8_t name[DNS_WIRE_MAX];
	size_t name_octets;
	enum dns_type type;
};

static inline void open_message(struct message *m, const char *name, enum dns_type type)
{
	m->type = type;
	m->name_octets = dns_name_to_wire(name, m->name);
	packet_write_open(&m->writer, m->octets, sizeof m->octets, m->name, m->name_octets, type);
}

static inline void add(struct message *m, enum packet_section section, const char *owner, enum dns_type type,
                       uint32_t ttl_s, const void *rdata, size_t octets)
{
	uint8_t wire[DNS_WIRE_MAX];
	size_t wire_octets = dns_name_to_wire(owner, wire);

	packet_write_record(&m->writer, section, wire, wire_octets, type, ttl_s, rdata, octets);
}

static inline void add_name(struct message *m, const char *owner, enum dns_type type, uint32_t ttl_s,
                            const char *target)
{
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets = dns_name_to_wire(target, wire);

	add(m, PACKET_ANSWER, owner, type, ttl_s, wire, octets);
}

static inline void add_soa(struct message *m, const char *owner, uint32_t ttl_s, uint8_t minimum)
{
	uint8_t soa[22] = { [21] = minimum };

	add(m, PACKET_AUTHORITY, owner, DNS_SOA, ttl_s, soa, sizeof soa);
}

/* Exactly as many octets as the message has, so that the sanitizer sees a read behind them. */
static inline bool read_octets(const struct message *m, const uint8_t *octets, size_t length,
                               struct answer_block *block)
{
	uint8_t *exact = memory_new(length);

	memcpy(exact, octets, length);
	bool good = packet_read(exact, length, m->name, m->name_octets, m->type, block);
	free(exact);
	return good;
}

static inline bool read_message(const struct message *m, struct answer_block *block)
{
	assert_false(m->writer.full);
	return read_octets(m, m->octets, m->writer.octets, block);
}

#endif
