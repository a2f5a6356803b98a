/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns - fuzz targets: DNS names, messages and zone files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "dns/packet.h"
#include "dns/zone_file.h"
#include "fuzz.h"

/* ---- names: a text, and the same octets as wire format ---- */

static void check_text_name(const char *text)
{
	uint8_t wire[DNS_WIRE_MAX], again[DNS_WIRE_MAX];
	char shown[DNS_NAME_TEXT_MAX];
	const size_t octets = dns_name_to_wire(text, wire);

	FUZZ_CHECK(octets <= DNS_WIRE_MAX);
	if (octets == 0)
		return;
	FUZZ_CHECK(dns_name_from_wire(wire, octets, shown));
	FUZZ_CHECK(fuzz_is_printable(shown));
	FUZZ_CHECK(dns_name_to_wire(shown, again) == octets && memcmp(wire, again, octets) == 0);
}

static void check_wire_name(const uint8_t *octets, size_t length)
{
	uint8_t wire[DNS_WIRE_MAX];
	char text[DNS_NAME_TEXT_MAX], again[DNS_NAME_TEXT_MAX];

	if (!dns_name_from_wire(octets, length, text))
		return;
	FUZZ_CHECK(length <= DNS_WIRE_MAX && fuzz_is_printable(text));
	FUZZ_CHECK(dns_name_to_wire(text, wire) == length);
	FUZZ_CHECK(dns_name_from_wire(wire, length, again) && strcmp(text, again) == 0);
}

static void check_below_list(const char *domain)
{
	char text[DNS_NAME_TEXT_MAX];
	uint8_t wire[DNS_WIRE_MAX];
	struct ip ip;

	/* Whatever is asked of a list is asked below its zone. */
	if (dns_name_list_domain(domain, "list.example.org", text))
		FUZZ_CHECK(dns_name_to_wire(text, wire) > sizeof(".list.example.org"));
	if (ip_parse(&ip, domain)) {
		dns_name_reverse_ptr(&ip, text);
		FUZZ_CHECK(dns_name_to_wire(text, wire) > 0);
		FUZZ_CHECK(dns_name_list_address(&ip, "list.example.org", text) && dns_name_to_wire(text, wire) > 0);
	}
}

void fuzz_dns_name(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *text = fuzz_rest(&input);

	check_text_name(text);
	check_below_list(text);
	check_wire_name(octets, length);
	free(text);
}

/* ---- messages: two octets say what was asked, the message follows ---- */

static const char *const asked_names[] = { "a.example.org", "example.org", "7.113.0.203.in-addr.arpa", "." };
static const enum dns_type asked_types[] = { DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA };

static bool is_within(const struct answer_block *block, const void *at, size_t octets)
{
	const char *begin = (const char *)block->answer, *part = at;

	return part >= begin && part + octets <= begin + block->octets;
}

static void check_record(const struct answer_block *block, const struct dns_record *record, enum dns_type type)
{
	const bool is_named = type == DNS_PTR || type == DNS_MX || type == DNS_NS || type == DNS_CNAME;
	uint8_t wire[DNS_WIRE_MAX];
	size_t sum = 0;

	FUZZ_CHECK(record->ip.family == (type == DNS_A ? 4 : record->ip.family));
	if (type == DNS_A || type == DNS_AAAA)
		FUZZ_CHECK(record->ip.family == 4 || record->ip.family == 6);
	if (is_named) {
		FUZZ_CHECK(is_within(block, record->name, strlen(record->name) + 1));
		FUZZ_CHECK(fuzz_is_printable(record->name) && dns_name_to_wire(record->name, wire) > 0);
	} else {
		FUZZ_CHECK(record->name == NULL);
	}
	if (type != DNS_TXT)
		return;
	FUZZ_CHECK(is_within(block, record->data, record->octets + 1) && record->data[record->octets] == '\0');
	for (size_t i = 0; i < record->n_strings; i++)
		sum += record->string_octets[i];
	FUZZ_CHECK(sum == record->octets);
}

static void check_answer(const struct answer_block *block, enum dns_type type)
{
	const struct dns_answer *answer = block->answer;

	FUZZ_CHECK(answer->status == DNS_FOUND || answer->status == DNS_NONE);
	FUZZ_CHECK((answer->n_records > 0) == (answer->status == DNS_FOUND));
	FUZZ_CHECK(answer->n_records <= DNS_RECORDS_MAX);
	FUZZ_CHECK(!answer->secure && !answer->cached && !answer->stale);
	if (answer->canonical)
		FUZZ_CHECK(fuzz_is_printable(answer->canonical));
	for (size_t i = 0; i < answer->n_records; i++)
		check_record(block, &answer->records[i], type);
}

void fuzz_dns_packet(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const char *name = asked_names[fuzz_octet(&input) % COUNT(asked_names)];
	const enum dns_type type = asked_types[fuzz_octet(&input) % COUNT(asked_types)];
	struct answer_block block = { 0 };
	uint8_t wire[DNS_WIRE_MAX], *packet = fuzz_copy(input.at, input.left);
	const size_t wire_octets = dns_name_to_wire(name, wire);

	if (packet_read(packet, input.left, wire, wire_octets, type, &block)) {
		/* What is kept of an answer does not depend on where it lies. */
		void *copy = malloc(block.octets);
		struct answer_block moved = { answer_copy(copy, &block), block.octets };
		check_answer(&block, type);
		check_answer(&moved, type);
		free(copy);
		free(block.answer);
	} else {
		FUZZ_CHECK(block.answer == NULL);
	}
	free(packet);
}

/* ---- zone files: what a zone says of a name makes a message that reads the same ---- */

static void check_message(const struct zone_node *node, const struct zone_record *first)
{
	static uint8_t packet[DNS_ANSWER_OCTETS_MAX];
	struct answer_block block = { 0 };
	struct packet_writer writer;

	packet_write_open(&writer, packet, sizeof(packet), node->wire, node->wire_octets, first->type);
	for (const struct zone_record *record = first; record; record = record->next)
		if (record->type == first->type)
			packet_write_record(&writer, PACKET_ANSWER, node->wire, node->wire_octets, record->type,
			                    record->ttl_s, record->rdata, record->rdata_octets);
	if (writer.full)
		return;
	FUZZ_CHECK(packet_read(packet, writer.octets, node->wire, node->wire_octets, first->type, &block));
	FUZZ_CHECK(block.answer->status == DNS_FOUND);
	check_answer(&block, first->type);
	free(block.answer);
}

/* The name at the beginning of a line, as a word. */
static void check_name_of_line(const struct zone *zone, const char *line)
{
	char word[DNS_NAME_TEXT_MAX];
	uint8_t wire[DNS_WIRE_MAX];
	const struct zone_node *owner;

	if (snprintf(word, sizeof(word), "%.*s", (int)strcspn(line, " \t;"), line) >= (int)sizeof(word))
		return;
	const size_t octets = dns_name_to_wire(word, wire);
	if (octets == 0)
		return;
	const struct zone_record *soa = zone_find_soa(zone, wire, octets, &owner);
	FUZZ_CHECK(!soa || soa->type == DNS_SOA);
	const struct zone_node *node = zone_find(zone, wire, octets);
	for (const struct zone_record *record = node ? node->records : NULL; record; record = record->next)
		if (record->type != DNS_SOA && record->type != DNS_CNAME)
			check_message(node, record);
	if (node)
		(void)zone_find_fault(node, DNS_TXT);
}

void fuzz_zone_file(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	uint8_t *copy = fuzz_copy(octets, length);
	struct err err = { "" };
	struct zone *zone = zone_file_parse((const char *)copy, length, "zone", &err);

	if (!zone)
		FUZZ_CHECK(strncmp(err.text, "zone", 4) == 0 && fuzz_is_printable(err.text));
	for (size_t lines = 0; zone && input.left > 0 && lines < 64; lines++) {
		char *line = fuzz_line(&input);
		check_name_of_line(zone, line);
		free(line);
	}
	zone_file_close(&zone);
	free(copy);
}
