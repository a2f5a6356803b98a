/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_OCTETS 5
#define IN_OCTETS     4096
#define OUT_OCTETS    8192

void *load_memory(void *old, size_t octets)
{
	void *memory = realloc(old, octets);

	if (!memory) {
		fprintf(stderr, "mailreeve-load: out of memory\n");
		abort();
	}
	return memory;
}

static void put_u32(uint8_t *at, uint32_t number)
{
	at[0] = (uint8_t)(number >> 24);
	at[1] = (uint8_t)(number >> 16);
	at[2] = (uint8_t)(number >> 8);
	at[3] = (uint8_t)number;
}

uint32_t wire_u32(const uint8_t *octets)
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
}

void wire_add(struct wire_out *out, const void *octets, size_t length)
{
	if (out->length + length > out->size) {
		out->size = 2 * (out->length + length) + OUT_OCTETS;
		out->octets = load_memory(out->octets, out->size);
	}
	if (length)
		memcpy(out->octets + out->length, octets, length);
	out->length += length;
}

void wire_begin(struct wire_out *out, char command)
{
	const uint8_t header[HEADER_OCTETS] = { 0, 0, 0, 0, (uint8_t)command };

	if (out->sent == out->length)
		out->sent = out->length = 0;
	out->packet = out->length;
	wire_add(out, header, sizeof(header));
}

void wire_add_text(struct wire_out *out, const char *text)
{
	wire_add(out, text, strlen(text) + 1);
}

void wire_add_u32(struct wire_out *out, uint32_t number)
{
	uint8_t octets[4];

	put_u32(octets, number);
	wire_add(out, octets, sizeof(octets));
}

void wire_add_u16(struct wire_out *out, uint16_t number)
{
	const uint8_t octets[2] = { (uint8_t)(number >> 8), (uint8_t)number };

	wire_add(out, octets, sizeof(octets));
}

void wire_end(struct wire_out *out)
{
	put_u32(out->octets + out->packet, (uint32_t)(out->length - out->packet - 4));
}

void wire_command(struct wire_out *out, char command)
{
	wire_begin(out, command);
	wire_end(out);
}

size_t wire_pending(const struct wire_out *out)
{
	return out->length - out->sent;
}

uint8_t *wire_room(struct wire_in *in, size_t *room)
{
	if (in->start == in->length)
		in->start = in->length = 0;
	if (in->start && in->size - in->length < IN_OCTETS) {
		memmove(in->octets, in->octets + in->start, in->length - in->start);
		in->length -= in->start;
		in->start = 0;
	}
	if (in->size - in->length < IN_OCTETS) {
		in->size = in->size ? 2 * in->size : IN_OCTETS;
		in->octets = load_memory(in->octets, in->size);
	}
	*room = in->size - in->length;
	return in->octets + in->length;
}

int wire_take(struct wire_in *in, struct wire_packet *packet)
{
	const size_t there = in->length - in->start;

	if (there < 4)
		return 0;
	const uint32_t length = wire_u32(in->octets + in->start);
	if (length < 1 || length > WIRE_PACKET_MAX)
		return -1;
	if (there < 4 + (size_t)length)
		return 0;
	packet->command = in->octets[in->start + 4];
	packet->data = in->octets + in->start + HEADER_OCTETS;
	packet->length = length - 1;
	in->start += 4 + (size_t)length;
	return 1;
}

void wire_reset(struct wire_out *out, struct wire_in *in)
{
	out->sent = out->length = 0;
	in->start = in->length = 0;
}

void wire_close(struct wire_out *out, struct wire_in *in)
{
	free(out->octets);
	free(in->octets);
	*out = (struct wire_out){ 0 };
	*in = (struct wire_in){ 0 };
}
