/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/packet.h"

#include <string.h>

#define HEADER_OCTETS 12
#define CLASS_IN      1

static void put(struct packet_writer *writer, const void *octets, size_t length)
{
	if (writer->full || length > writer->size - writer->octets) {
		writer->full = true;
		return;
	}
	if (length != 0)
		memcpy(writer->packet + writer->octets, octets, length);
	writer->octets += length;
}

static void put16(struct packet_writer *writer, unsigned value)
{
	const uint8_t octets[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(writer, octets, sizeof octets);
}

static void put32(struct packet_writer *writer, uint32_t value)
{
	put16(writer, value >> 16);
	put16(writer, value & 0xffff);
}

void packet_write_open(struct packet_writer *writer, uint8_t *memory, size_t size, const uint8_t *wire_name,
                       size_t wire_octets, enum dns_type type)
{
	/* a recursive server's answer: QR, RD, RA, one question */
	static const uint8_t header[HEADER_OCTETS] = { 0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };

	*writer = (struct packet_writer){ .packet = memory, .size = size };
	put(writer, header, sizeof header);
	put(writer, wire_name, wire_octets);
	put16(writer, type);
	put16(writer, CLASS_IN);
}

void packet_write_record(struct packet_writer *writer, enum packet_section section, const uint8_t *owner,
                         size_t owner_octets, enum dns_type type, uint32_t ttl_s, const uint8_t *rdata,
                         size_t rdata_octets)
{
	if (rdata_octets > UINT16_MAX)
		writer->full = true;
	put(writer, owner, owner_octets);
	put16(writer, type);
	put16(writer, CLASS_IN);
	put32(writer, ttl_s);
	put16(writer, (unsigned)rdata_octets);
	put(writer, rdata, rdata_octets);
	if (writer->full)
		return;
	uint8_t *count = writer->packet + 4 + 2 * (size_t)section;
	if (++count[1] == 0)
		count[0]++;
}

void packet_write_rcode(struct packet_writer *writer, enum packet_rcode rcode)
{
	if (!writer->full)
		writer->packet[3] = (uint8_t)((writer->packet[3] & 0xf0) | rcode);
}
