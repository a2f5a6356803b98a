/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_internal - what zone_file (lines), zone_rdata (one record's data) and zone_tree (names) share. Nobody else
 * includes it.
 */
#ifndef MAILREEVE_DNS_ZONE_INTERNAL_H
#define MAILREEVE_DNS_ZONE_INTERNAL_H

#include "dns/name.h"
#include "dns/zone_file.h"

#define ZONE_TOKEN_MAX 2048  /* characters of one token as written */
#define ZONE_RDATA_MAX 60000 /* octets of one record: it must fit a message */

/* One word of a line: as written, without the quotes. */
struct zone_token {
	char text[ZONE_TOKEN_MAX];
	bool quoted;
};

/* Where the parser stands. */
struct zone_parser {
	const char *path;
	const char *at;
	const char *end;
	int line;       /* of the next character */
	int entry_line; /* where the entry began, for messages */
	int depth;      /* open parentheses */
	struct zone *zone;
	uint32_t ttl_s; /* $TTL */
	uint8_t owner[DNS_WIRE_MAX];
	size_t owner_octets; /* 0: no entry yet */
	uint8_t *rdata;      /* ZONE_RDATA_MAX octets, being filled */
	size_t rdata_octets;
	struct err *err;
};

/* The next word of the entry. 1: there is one; 0: the entry has ended; -1: err is set. */
int zone_next_token(struct zone_parser *parser, struct zone_token *token);

/* Set err to "path:line: ..."; hostile or long words must have gone through zone_shown(). Returns -1. */
int zone_fail(struct zone_parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ZONE_SHOWN_MAX 128
/* A word of the file as a message may show it. Returns `shown`. */
const char *zone_shown(const char *text, char shown[ZONE_SHOWN_MAX]);

/* Read the rest of an entry as rdata of the type, to parser->rdata. 0 or -1. */
int zone_read_rdata(struct zone_parser *parser, enum dns_type type);

/* Unsigned decimal, at most `max`. */
bool zone_parse_number(const char *text, uint32_t max, uint32_t *number);

struct zone *zone_new(void);

/* The node of exactly this name, made if needed, and so are those above it. */
struct zone_node *zone_make_node(struct zone *zone, const uint8_t *wire, size_t octets);

/* Add to the node; duplicates of a record are kept once. */
void zone_add_record(struct zone_node *node, enum dns_type type, uint32_t ttl_s, const uint8_t *rdata, size_t octets);
void zone_add_fault(struct zone *zone, struct zone_node *node, unsigned type, enum zone_fault fault, int slow_ms);

#endif
