/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/packet.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dns/name.h"

#define HEADER_OCTETS   12
#define CLASS_IN        1
#define FLAGS_QR        0x80
#define FLAGS_OPCODE    0x78
#define FLAGS_TC        0x02
#define RCODE_MASK      0x0f
#define POOL_OCTETS_MAX (2 * DNS_ANSWER_OCTETS_MAX) /* names and data of one answer, uncompressed */
#define NO_OFFSET       SIZE_MAX

struct reader {
	const uint8_t *packet;
	size_t octets;
	size_t at;
};

struct wire_name {
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets;
};

/* One record as it stands in the message. */
struct raw {
	struct wire_name owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl_s;
	size_t rdata; /* offset in the message */
	size_t rdata_octets;
};

/* What is gathered for the answer; offsets, because the pool moves while it grows. */
struct gathered {
	struct dns_record records[DNS_RECORDS_MAX];
	size_t name[DNS_RECORDS_MAX]; /* offset in the pool, or NO_OFFSET */
	size_t data[DNS_RECORDS_MAX];
	size_t strings[DNS_RECORDS_MAX];
	size_t n;
	size_t canonical;
	uint32_t ttl_s;
	uint8_t *pool;
	size_t pool_octets;
	size_t pool_size;
};

static uint16_t get16(const uint8_t *octets)
{
	return (uint16_t)(octets[0] << 8 | octets[1]);
}

static uint32_t get32(const uint8_t *octets)
{
	return (uint32_t)get16(octets) << 16 | get16(octets + 2);
}

static uint8_t lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + ('a' - 'A')) : octet;
}

static bool same_name(const struct wire_name *a, const struct wire_name *b)
{
	return a->octets == b->octets && memcmp(a->wire, b->wire, a->octets) == 0;
}

/*
 * A name, lower-cased and uncompressed; reader->at moves behind it. Pointers must lead backwards, which alone rules out
 * loops; their number is capped as well, so that a chain of pointers costs nothing.
 */
static bool read_name(struct reader *reader, struct wire_name *name)
{
	size_t at = reader->at;
	size_t lowest = at;
	bool jumped = false;
	int pointers = 0;

	name->octets = 0;
	while (at < reader->octets) {
		size_t length = reader->packet[at];
		if ((length & 0xc0) == 0xc0) {
			if (at + 1 >= reader->octets || ++pointers > PACKET_POINTERS_MAX)
				return false;
			size_t target = get16(reader->packet + at) & 0x3fff;
			if (target >= lowest)
				return false;
			if (!jumped)
				reader->at = at + 2;
			jumped = true;
			lowest = at = target;
			continue;
		}
		if (length > 63 || length >= reader->octets - at || name->octets + 1 + length > DNS_WIRE_MAX)
			return false;
		name->wire[name->octets++] = (uint8_t)length;
		for (size_t i = 1; i <= length; i++)
			name->wire[name->octets++] = lower(reader->packet[at + i]);
		at += 1 + length;
		if (length == 0) {
			if (!jumped)
				reader->at = at;
			return true;
		}
	}
	return false;
}

static bool read_raw(struct reader *reader, struct raw *raw)
{
	if (!read_name(reader, &raw->owner) || reader->octets - reader->at < 10)
		return false;
	const uint8_t *fixed = reader->packet + reader->at;
	raw->type = get16(fixed);
	raw->class = get16(fixed + 2);
	raw->ttl_s = get32(fixed + 4);
	if (raw->ttl_s > INT32_MAX) /* RFC 2181 8 */
		raw->ttl_s = 0;
	raw->rdata_octets = get16(fixed + 8);
	raw->rdata = reader->at + 10;
	if (raw->rdata_octets > reader->octets - raw->rdata)
		return false;
	reader->at = raw->rdata + raw->rdata_octets;
	return true;
}

/* The name in rdata from `skip` on; it must end where rdata ends unless more follows (SOA). */
static bool read_rdata_name(const struct reader *message, const struct raw *raw, size_t skip, struct wire_name *name,
                            size_t *end)
{
	struct reader reader = { message->packet, raw->rdata + raw->rdata_octets, raw->rdata + skip };

	if (skip > raw->rdata_octets || !read_name(&reader, name))
		return false;
	*end = reader.at - raw->rdata;
	return true;
}

static bool pool_add(struct gathered *gathered, const void *octets, size_t length, size_t *offset)
{
	if (length >= POOL_OCTETS_MAX - gathered->pool_octets)
		return false;
	size_t need = gathered->pool_octets + length + 1;
	if (need > gathered->pool_size) {
		gathered->pool_size = need < 256 ? 256 : need * 2;
		gathered->pool = memory_grow(gathered->pool, gathered->pool_size);
	}
	if (length != 0)
		memcpy(gathered->pool + gathered->pool_octets, octets, length);
	gathered->pool[need - 1] = 0;
	*offset = gathered->pool_octets;
	gathered->pool_octets = need;
	return true;
}

static bool pool_add_name(struct gathered *gathered, const struct wire_name *name, size_t *offset)
{
	char text[DNS_NAME_TEXT_MAX];

	return dns_name_from_wire(name->wire, name->octets, text) && pool_add(gathered, text, strlen(text), offset);
}

static bool gather_address(struct gathered *gathered, const struct reader *message, const struct raw *raw)
{
	size_t want = raw->type == DNS_A ? 4 : 16;

	if (raw->rdata_octets != want)
		return false;
	gathered->records[gathered->n].ip = ip_from_octets(want == 4 ? 4 : 6, message->packet + raw->rdata);
	return true;
}

static bool gather_name(struct gathered *gathered, const struct reader *message, const struct raw *raw)
{
	size_t skip = raw->type == DNS_MX ? 2 : 0;
	struct wire_name name;
	size_t end;

	if (!read_rdata_name(message, raw, skip, &name, &end) || end != raw->rdata_octets)
		return false;
	if (skip != 0)
		gathered->records[gathered->n].preference = get16(message->packet + raw->rdata);
	return pool_add_name(gathered, &name, &gathered->name[gathered->n]);
}

static bool gather_txt(struct gathered *gathered, const struct reader *message, const struct raw *raw)
{
	struct dns_record *record = &gathered->records[gathered->n];
	const uint8_t *rdata = message->packet + raw->rdata;
	uint8_t *joined = memory_new(raw->rdata_octets + 1);
	uint8_t *lengths = memory_new(raw->rdata_octets + 1);
	size_t at = 0;

	while (at < raw->rdata_octets && rdata[at] < raw->rdata_octets - at) {
		size_t length = rdata[at];
		memcpy(joined + record->octets, rdata + at + 1, length);
		record->octets += length;
		lengths[record->n_strings++] = (uint8_t)length;
		at += 1 + length;
	}
	bool good = at == raw->rdata_octets &&
	            pool_add(gathered, joined, record->octets, &gathered->data[gathered->n]) &&
	            pool_add(gathered, lengths, record->n_strings, &gathered->strings[gathered->n]);
	free(joined);
	free(lengths);
	return good;
}

/* TTL and MINIMUM of an SOA, whichever is smaller. */
static bool read_soa(const struct reader *message, const struct raw *raw, uint32_t *ttl_s)
{
	struct wire_name name;
	size_t mname_end, rname_end;

	if (!read_rdata_name(message, raw, 0, &name, &mname_end) ||
	    !read_rdata_name(message, raw, mname_end, &name, &rname_end) || raw->rdata_octets - rname_end != 20)
		return false;
	uint32_t minimum = get32(message->packet + raw->rdata + rname_end + 16);
	*ttl_s = raw->ttl_s < minimum ? raw->ttl_s : minimum;
	return true;
}

static bool same_octets(const struct gathered *gathered, size_t a, size_t b, size_t octets)
{
	return octets == 0 || memcmp(gathered->pool + a, gathered->pool + b, octets) == 0;
}

static bool same_record(const struct gathered *gathered, size_t a, size_t b)
{
	const struct dns_record *x = &gathered->records[a], *y = &gathered->records[b];

	if (!ip_equal(&x->ip, &y->ip) || x->preference != y->preference || x->octets != y->octets ||
	    x->n_strings != y->n_strings)
		return false;
	if (gathered->name[a] != NO_OFFSET && strcmp((const char *)gathered->pool + gathered->name[a],
	                                             (const char *)gathered->pool + gathered->name[b]) != 0)
		return false;
	return same_octets(gathered, gathered->data[a], gathered->data[b], x->octets) &&
	       same_octets(gathered, gathered->strings[a], gathered->strings[b], x->n_strings);
}

/* Take one record of the type asked for. What exceeds DNS_RECORDS_MAX is left out; false is a malformed one. */
static bool gather(struct gathered *gathered, const struct reader *message, const struct raw *raw)
{
	size_t n = gathered->n;
	size_t pool_octets = gathered->pool_octets;
	uint32_t soa_ttl_s;
	bool good;

	if (raw->ttl_s < gathered->ttl_s)
		gathered->ttl_s = raw->ttl_s;
	if (n == DNS_RECORDS_MAX)
		return true;
	gathered->records[n] = (struct dns_record){ 0 };
	gathered->name[n] = gathered->data[n] = gathered->strings[n] = NO_OFFSET;
	switch (raw->type) {
	case DNS_A:
	case DNS_AAAA:
		good = gather_address(gathered, message, raw);
		break;
	case DNS_TXT:
		good = gather_txt(gathered, message, raw);
		break;
	case DNS_SOA:
		good = read_soa(message, raw, &soa_ttl_s);
		break;
	default:
		good = gather_name(gathered, message, raw);
	}
	if (!good)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (same_record(gathered, i, n)) {
			gathered->pool_octets = pool_octets;
			return true;
		}
	}
	gathered->n = n + 1;
	return true;
}

/*
 * One walk over the answer section: gathers what `owner` has of the type; finds its CNAME if it has one. The reader
 * ends behind the section. False: malformed.
 */
static bool walk_answers(struct reader *reader, const struct wire_name *owner, enum dns_type type,
                         struct gathered *gathered, struct wire_name *target, bool *has_cname)
{
	size_t count = get16(reader->packet + 6);
	struct raw raw;
	size_t end;

	*has_cname = false;
	for (size_t i = 0; i < count; i++) {
		if (i == PACKET_RECORDS_MAX || !read_raw(reader, &raw))
			return false;
		if (raw.class != CLASS_IN || !same_name(&raw.owner, owner))
			continue;
		if (raw.type == type) {
			if (!gather(gathered, reader, &raw))
				return false;
		} else if (raw.type == DNS_CNAME && !*has_cname) {
			if (!read_rdata_name(reader, &raw, 0, target, &end) || end != raw.rdata_octets)
				return false;
			*has_cname = true;
			if (raw.ttl_s < gathered->ttl_s)
				gathered->ttl_s = raw.ttl_s;
		}
	}
	return true;
}

static bool is_at_or_below(const struct wire_name *name, const struct wire_name *zone)
{
	size_t at = 0;

	while (name->octets - at > zone->octets)
		at += 1U + name->wire[at];
	return name->octets - at == zone->octets && memcmp(name->wire + at, zone->wire, zone->octets) == 0;
}

/*
 * The negative TTL (RFC 2308 5) from the SOA of a zone that `owner` is in; 0 without one. *refers: there is none, but
 * servers of such a zone are named: whoever sent this does not know, and says who may (RFC 2308 2.2).
 */
static bool walk_authority(struct reader *reader, const struct wire_name *owner, uint32_t *ttl_s, bool *refers)
{
	size_t count = get16(reader->packet + 8);
	uint32_t soa_ttl_s = 0;
	struct raw raw;

	*refers = false;
	for (size_t i = 0; i < count; i++) {
		if (i == PACKET_RECORDS_MAX || !read_raw(reader, &raw))
			return false;
		if (raw.class != CLASS_IN || !is_at_or_below(owner, &raw.owner))
			continue;
		if (raw.type == DNS_NS)
			*refers = true;
		if (raw.type != DNS_SOA)
			continue;
		if (!read_soa(reader, &raw, &soa_ttl_s))
			return false;
		*refers = false;
		break;
	}
	if (soa_ttl_s < *ttl_s)
		*ttl_s = soa_ttl_s;
	return true;
}

/* The header and the question: is this a whole answer about (name, type)? The reader ends behind the question. */
static bool read_question(struct reader *reader, const struct wire_name *want, enum dns_type type)
{
	struct wire_name name;

	if (reader->octets < HEADER_OCTETS || reader->octets > DNS_ANSWER_OCTETS_MAX)
		return false;
	const uint8_t *header = reader->packet;
	unsigned rcode = header[3] & RCODE_MASK;
	if ((header[2] & (FLAGS_QR | FLAGS_OPCODE | FLAGS_TC)) != FLAGS_QR || get16(header + 4) != 1)
		return false;
	if (rcode != PACKET_NOERROR && rcode != PACKET_NXDOMAIN)
		return false;
	reader->at = HEADER_OCTETS;
	if (!read_name(reader, &name) || !same_name(&name, want) || reader->octets - reader->at < 4)
		return false;
	const uint8_t *fixed = reader->packet + reader->at;
	reader->at += 4;
	return get16(fixed) == type && get16(fixed + 2) == CLASS_IN;
}

/* Everything in one block: the answer, its records, the pool. */
static void assemble(const struct gathered *gathered, bool nxdomain, struct answer_block *block)
{
	size_t records_octets = gathered->n * sizeof(struct dns_record);

	block->octets = sizeof(struct dns_answer) + records_octets + gathered->pool_octets;
	block->answer = memory_new(block->octets);
	struct dns_record *records = (struct dns_record *)(block->answer + 1);
	uint8_t *pool = (uint8_t *)records + records_octets;
	if (gathered->pool_octets != 0)
		memcpy(pool, gathered->pool, gathered->pool_octets);
	for (size_t i = 0; i < gathered->n; i++) {
		records[i] = gathered->records[i];
		if (gathered->name[i] != NO_OFFSET)
			records[i].name = (const char *)pool + gathered->name[i];
		if (gathered->data[i] != NO_OFFSET)
			records[i].data = pool + gathered->data[i];
		if (gathered->strings[i] != NO_OFFSET)
			records[i].string_octets = pool + gathered->strings[i];
	}
	*block->answer = (struct dns_answer){
		.status = gathered->n != 0 ? DNS_FOUND : DNS_NONE,
		.why = gathered->n != 0 ? DNS_WHY_NOTHING
		       : nxdomain       ? DNS_WHY_NXDOMAIN
		                        : DNS_WHY_NODATA,
		.ttl_s = gathered->ttl_s,
		.canonical = gathered->canonical != NO_OFFSET ? (const char *)pool + gathered->canonical : NULL,
		.records = gathered->n != 0 ? records : NULL,
		.n_records = gathered->n,
	};
}

/* Follow the chain from `owner`, which becomes its end. The reader ends behind the answer section. */
static bool follow(struct reader *reader, struct wire_name *owner, enum dns_type type, struct gathered *gathered)
{
	size_t answers = reader->at;
	struct wire_name target;
	bool has_cname;

	for (int hops = 0; hops <= PACKET_CHAIN_MAX; hops++) {
		reader->at = answers;
		if (!walk_answers(reader, owner, type, gathered, &target, &has_cname))
			return false;
		if (gathered->n != 0 || !has_cname)
			return hops == 0 || pool_add_name(gathered, owner, &gathered->canonical);
		*owner = target;
	}
	return false;
}

bool packet_read(const uint8_t *packet, size_t octets, const uint8_t *wire_name, size_t wire_octets, enum dns_type type,
                 struct answer_block *block)
{
	struct reader reader = { packet, octets, 0 };
	struct wire_name owner = { .octets = wire_octets };
	struct gathered *gathered = memory_new(sizeof *gathered);
	bool good = false, refers;

	*block = (struct answer_block){ 0 };
	gathered->n = gathered->pool_octets = gathered->pool_size = 0;
	gathered->pool = NULL;
	gathered->canonical = NO_OFFSET;
	gathered->ttl_s = UINT32_MAX;
	memcpy(owner.wire, wire_name, wire_octets);
	if (read_question(&reader, &owner, type) && follow(&reader, &owner, type, gathered)) {
		bool nxdomain = (packet[3] & RCODE_MASK) == PACKET_NXDOMAIN;
		if (gathered->n == 0)
			good = walk_authority(&reader, &owner, &gathered->ttl_s, &refers) && (nxdomain || !refers);
		else
			good = !nxdomain; /* records of a name that is said not to exist: neither can be believed */
		if (good)
			assemble(gathered, nxdomain, block);
	}
	free(gathered->pool);
	free(gathered);
	return good;
}
