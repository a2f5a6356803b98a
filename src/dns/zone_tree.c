/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/siphash.h"
#include "dns/zone_internal.h"

#define SLOTS_AT_FIRST 64U

struct zone {
	struct siphash_key siphash_key;
	struct zone_node **slots;
	size_t n_slots; /* a power of two */
	size_t n_nodes;
	bool has_slow;
};

struct zone *zone_new(void)
{
	struct zone *zone = memory_new(sizeof *zone);

	zone->siphash_key = siphash_new_key();
	zone->n_slots = SLOTS_AT_FIRST;
	zone->slots = memory_new(zone->n_slots * sizeof *zone->slots);
	return zone;
}

static void node_close(struct zone_node *node)
{
	while (node->records != NULL) {
		struct zone_record *record = node->records;
		node->records = record->next;
		free(record);
	}
	while (node->faults != NULL) {
		struct zone_fault_line *fault = node->faults;
		node->faults = fault->next;
		free(fault);
	}
	free(node);
}

void zone_file_close(struct zone **zone)
{
	if (*zone == NULL)
		return;
	for (size_t i = 0; i < (*zone)->n_slots; i++) {
		while ((*zone)->slots[i] != NULL) {
			struct zone_node *node = (*zone)->slots[i];
			(*zone)->slots[i] = node->next;
			node_close(node);
		}
	}
	free((*zone)->slots);
	free(*zone);
	*zone = NULL;
}

static size_t slot_of(const struct zone *zone, const uint8_t *wire, size_t octets)
{
	return siphash(&zone->siphash_key, wire, octets) & (zone->n_slots - 1);
}

static struct zone_node *find_exact(const struct zone *zone, const uint8_t *wire, size_t octets)
{
	struct zone_node *node = zone->slots[slot_of(zone, wire, octets)];

	while (node != NULL && (node->wire_octets != octets || memcmp(node->wire, wire, octets) != 0))
		node = node->next;
	return node;
}

static void grow(struct zone *zone)
{
	struct zone_node **old = zone->slots;
	size_t n_old = zone->n_slots;

	zone->n_slots *= 2;
	zone->slots = memory_new(zone->n_slots * sizeof *zone->slots);
	for (size_t i = 0; i < n_old; i++) {
		while (old[i] != NULL) {
			struct zone_node *node = old[i];
			old[i] = node->next;
			size_t slot = slot_of(zone, node->wire, node->wire_octets);
			node->next = zone->slots[slot];
			zone->slots[slot] = node;
		}
	}
	free(old);
}

static struct zone_node *add_node(struct zone *zone, const uint8_t *wire, size_t octets)
{
	if (zone->n_nodes >= zone->n_slots)
		grow(zone);
	struct zone_node *node = memory_new(sizeof *node + octets);
	size_t slot = slot_of(zone, wire, octets);
	node->wire_octets = octets;
	memcpy(node->wire, wire, octets);
	node->next = zone->slots[slot];
	zone->slots[slot] = node;
	zone->n_nodes++;
	return node;
}

struct zone_node *zone_make_node(struct zone *zone, const uint8_t *wire, size_t octets)
{
	struct zone_node *node = find_exact(zone, wire, octets);

	if (node != NULL)
		return node;
	node = add_node(zone, wire, octets);
	for (size_t at = 0; wire[at] != 0;) {
		at += 1U + wire[at];
		if (find_exact(zone, wire + at, octets - at) != NULL)
			break;
		add_node(zone, wire + at, octets - at);
	}
	return node;
}

void zone_add_record(struct zone_node *node, enum dns_type type, uint32_t ttl_s, const uint8_t *rdata, size_t octets)
{
	struct zone_record **link = &node->records;

	for (; *link != NULL; link = &(*link)->next) {
		if ((*link)->type == type && (*link)->rdata_octets == octets &&
		    memcmp((*link)->rdata, rdata, octets) == 0)
			return;
	}
	*link = memory_new(sizeof **link + octets);
	(*link)->type = type;
	(*link)->ttl_s = ttl_s;
	(*link)->rdata_octets = octets;
	memcpy((*link)->rdata, rdata, octets);
}

void zone_add_fault(struct zone *zone, struct zone_node *node, unsigned type, enum zone_fault fault, int slow_ms)
{
	struct zone_fault_line *line = memory_new(sizeof *line);

	*line = (struct zone_fault_line){ .next = node->faults, .type = type, .fault = fault, .slow_ms = slow_ms };
	node->faults = line;
	zone->has_slow = zone->has_slow || fault == ZONE_FAULT_SLOW;
}

/* RFC 4592 3.3.1: the closest encloser is the longest existing ancestor; only "*" directly below it counts. */
const struct zone_node *zone_find(const struct zone *zone, const uint8_t *wire, size_t octets)
{
	const struct zone_node *node = find_exact(zone, wire, octets);
	uint8_t wildcard[DNS_WIRE_MAX + 2] = { 1, '*' };
	size_t at = 0;

	while (node == NULL && wire[at] != 0) {
		at += 1U + wire[at];
		if (find_exact(zone, wire + at, octets - at) == NULL)
			continue;
		memcpy(wildcard + 2, wire + at, octets - at);
		return find_exact(zone, wildcard, octets - at + 2);
	}
	return node;
}

const struct zone_record *zone_find_soa(const struct zone *zone, const uint8_t *wire, size_t octets,
                                        const struct zone_node **owner)
{
	for (size_t at = 0;; at += 1U + wire[at]) {
		*owner = find_exact(zone, wire + at, octets - at);
		for (const struct zone_record *record = *owner != NULL ? (*owner)->records : NULL; record != NULL;
		     record = record->next) {
			if (record->type == DNS_SOA)
				return record;
		}
		if (wire[at] == 0)
			return NULL;
	}
}

const struct zone_fault_line *zone_find_fault(const struct zone_node *node, enum dns_type type)
{
	const struct zone_fault_line *any = NULL;

	for (const struct zone_fault_line *line = node->faults; line != NULL; line = line->next) {
		if (line->type == (unsigned)type)
			return line;
		if (line->type == 0)
			any = line;
	}
	return any;
}

bool zone_has_slow(const struct zone *zone)
{
	return zone->has_slow;
}
