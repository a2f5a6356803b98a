/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_file - a small world of DNS in one text file: for tests, scenarios and work without a network.
 *
 * Threads: read by one; immutable afterwards. Owns: all of its records.
 *
 * Lines as in RFC 1035 5.1: `name [TTL] [IN] TYPE rdata`, types A AAAA PTR MX TXT NS CNAME SOA; `$TTL seconds`;
 * comments begin with ';'; strings may be quoted; \DDD and \X escape; parentheses join lines; a line that begins with a
 * blank is about the name of the line before. All names are absolute, with or without the final dot; there is no
 * $ORIGIN and no '@'.
 * `*.name` is a wildcard (RFC 4592). A name with names below it exists (NODATA).
 * Faults: `name TYPE !timeout`, `!servfail`, `!bogus`, `!slow=MILLISECONDS` (what other lines say, later); TYPE may be
 * `*`: every type that has no fault of its own. A name that only a fault mentions exists.
 */
#ifndef MAILREEVE_DNS_ZONE_FILE_H
#define MAILREEVE_DNS_ZONE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dns/dns.h"

#define ZONE_FILE_OCTETS_MAX (64 * 1024 * 1024)
#define ZONE_TTL_S           300 /* where neither the line nor $TTL says, and of negative answers where no SOA is */
#define ZONE_SLOW_MS_MAX     600000

enum zone_fault { ZONE_FAULT_NONE, ZONE_FAULT_TIMEOUT, ZONE_FAULT_SERVFAIL, ZONE_FAULT_BOGUS, ZONE_FAULT_SLOW };

struct zone_record {
	struct zone_record *next; /* of the same name, in the file's order */
	enum dns_type type;
	uint32_t ttl_s;
	size_t rdata_octets;
	uint8_t rdata[];
};

struct zone_fault_line {
	struct zone_fault_line *next;
	unsigned type; /* 0: every type */
	enum zone_fault fault;
	int slow_ms;
};

struct zone_node {
	struct zone_node *next; /* in its slot */
	struct zone_record *records;
	struct zone_fault_line *faults;
	size_t wire_octets;
	uint8_t wire[];
};

struct zone;

/* Read a file. NULL: err names file, line, what is wrong and what would be right. */
struct zone *zone_file_open(const char *path, struct err *err);

/* The same from memory; `path` is for messages. */
struct zone *zone_file_parse(const char *text, size_t octets, const char *path, struct err *err);

void zone_file_close(struct zone **zone);

/* The node that answers for a name: itself, or the wildcard below its closest encloser. NULL: NXDOMAIN. */
const struct zone_node *zone_find(const struct zone *zone, const uint8_t *wire, size_t octets);

/* The SOA of the closest enclosing name that has one; *owner is that name. NULL: none. */
const struct zone_record *zone_find_soa(const struct zone *zone, const uint8_t *wire, size_t octets,
                                        const struct zone_node **owner);

/* The fault for questions of a type, or NULL. */
const struct zone_fault_line *zone_find_fault(const struct zone_node *node, enum dns_type type);

/* True when some line says !slow. */
bool zone_has_slow(const struct zone *zone);

#endif
