/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - DNS messages (RFC 1035 4): read one into an answer; write one for the zone backend.
 *
 * Threads: no state. Owns: the reader's block belongs to the caller (free()); a writer only borrows its memory.
 * A message is hostile: every offset, length and count is checked, every walk is bounded. One that is malformed
 * anywhere on the way to its answer is no answer at all.
 */
#ifndef MAILREEVE_DNS_PACKET_H
#define MAILREEVE_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/dns.h"

#define PACKET_CHAIN_MAX    16   /* CNAME records followed */
#define PACKET_RECORDS_MAX  2048 /* records of one section looked at */
#define PACKET_POINTERS_MAX 64   /* compression pointers followed for one name */

/*
 * What the message says about (name, type): DNS_FOUND with the records that the end of the CNAME chain owns, duplicates
 * dropped, or DNS_NONE with NXDOMAIN or NODATA. ttl_s is the smallest on the way; for DNS_NONE the SOA's TTL and
 * MINIMUM count too (RFC 2308 5), and it is 0 when there is no SOA. `secure`, `cached` and `stale` are false.
 *
 * Returns false (block empty) for a message that answers nothing: malformed, about something else, truncated, another
 * rcode than NOERROR and NXDOMAIN, a CNAME loop, a referral to other servers (RFC 2308 2.2).
 */
bool packet_read(const uint8_t *packet, size_t octets, const uint8_t *wire_name, size_t wire_octets, enum dns_type type,
                 struct answer_block *block);

enum packet_rcode { PACKET_NOERROR = 0, PACKET_SERVFAIL = 2, PACKET_NXDOMAIN = 3 };
enum packet_section { PACKET_ANSWER = 1, PACKET_AUTHORITY = 2, PACKET_ADDITIONAL = 3 };

struct packet_writer {
	uint8_t *packet;
	size_t octets;
	size_t size;
	bool full; /* something did not fit; the message is not to be used */
};

/* Begin an answer to (name, type) in `memory`. */
void packet_write_open(struct packet_writer *writer, uint8_t *memory, size_t size, const uint8_t *wire_name,
                       size_t wire_octets, enum dns_type type);

/* Add a record. Sections must come in their order. rdata is wire format without compression. */
void packet_write_record(struct packet_writer *writer, enum packet_section section, const uint8_t *owner,
                         size_t owner_octets, enum dns_type type, uint32_t ttl_s, const uint8_t *rdata,
                         size_t rdata_octets);

void packet_write_rcode(struct packet_writer *writer, enum packet_rcode rcode);

#endif
