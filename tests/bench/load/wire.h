/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - packets of the milter protocol: four octets of length (network order), one of command, and the data.
 *
 * Threads: a buffer belongs to its connection. Buffers own their memory; running out of it ends the program.
 */
#ifndef MAILREEVE_LOAD_WIRE_H
#define MAILREEVE_LOAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MILTER_VERSION      6
#define MILTER_ALL_ACTIONS  0x1ffU
#define MILTER_ALL_PROTOCOL 0x1fffffU
#define WIRE_PACKET_MAX     (1024 * 1024) /* what a filter may send; libmilter itself sends at most 64 KB */

/* What a filter may do, and how it wants the protocol; the names are libmilter's without SMFIF_ and SMFIP_. */
enum {
	ACT_ADDHDRS = 0x1,
	ACT_CHGBODY = 0x2,
	ACT_ADDRCPT = 0x4,
	ACT_DELRCPT = 0x8,
	ACT_CHGHDRS = 0x10,
	ACT_QUARANTINE = 0x20,
	ACT_CHGFROM = 0x40,
	ACT_ADDRCPT_PAR = 0x80,
	ACT_SETSYMLIST = 0x100,
};
enum {
	PROTO_NOCONNECT = 0x1,
	PROTO_NOHELO = 0x2,
	PROTO_NOMAIL = 0x4,
	PROTO_NORCPT = 0x8,
	PROTO_NOBODY = 0x10,
	PROTO_NOHDRS = 0x20,
	PROTO_NOEOH = 0x40,
	PROTO_NR_HDR = 0x80,
	PROTO_NOUNKNOWN = 0x100,
	PROTO_NODATA = 0x200,
	PROTO_SKIP = 0x400,
	PROTO_RCPT_REJ = 0x800,
	PROTO_NR_CONN = 0x1000,
	PROTO_NR_HELO = 0x2000,
	PROTO_NR_MAIL = 0x4000,
	PROTO_NR_RCPT = 0x8000,
	PROTO_NR_DATA = 0x10000,
	PROTO_NR_UNKN = 0x20000,
	PROTO_NR_EOH = 0x40000,
	PROTO_NR_BODY = 0x80000,
	PROTO_HDR_LEADSPC = 0x100000,
};

/* What has still to be sent: octets[sent..length). */
struct wire_out {
	uint8_t *octets;
	size_t sent, length, size, packet; /* packet: where the one begins that is being built */
};

/* What was received and not yet looked at: octets[start..length). */
struct wire_in {
	uint8_t *octets;
	size_t start, length, size;
};

struct wire_packet {
	uint8_t command;
	const uint8_t *data; /* in the buffer, until it is read into again */
	size_t length;
};

void wire_begin(struct wire_out *out, char command);
void wire_add(struct wire_out *out, const void *octets, size_t length);
void wire_add_text(struct wire_out *out, const char *text); /* with its NUL */
void wire_add_u32(struct wire_out *out, uint32_t number);
void wire_add_u16(struct wire_out *out, uint16_t number);
void wire_end(struct wire_out *out);

/* A packet without data. */
void wire_command(struct wire_out *out, char command);

/* Octets yet to be sent. */
size_t wire_pending(const struct wire_out *out);

/* Room for more: returns where to read to, *room is how much. */
uint8_t *wire_room(struct wire_in *in, size_t *room);

/* Take the next packet. 1: there is one; 0: more has to be read; -1: its length is none. */
int wire_take(struct wire_in *in, struct wire_packet *packet);

uint32_t wire_u32(const uint8_t *octets);

/* Empty both for another connection; the memory stays. */
void wire_reset(struct wire_out *out, struct wire_in *in);
void wire_close(struct wire_out *out, struct wire_in *in);

/* malloc and realloc that do not fail. */
void *load_memory(void *old, size_t octets);

#endif
