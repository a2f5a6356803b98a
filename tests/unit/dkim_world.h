/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_world - for tests of DKIM: a zone of key records in memory, and a message taken apart as a milter gets it.
 *
 * A zone is lines of `NAME TAB TXT|RCODE TAB DATA`; DATA of RCODE is SERVFAIL, TIMEOUT, NODATA, NXDOMAIN or PENDING
 * (no answer ever). What is in no line does not exist.
 */
#ifndef MAILREEVE_TESTS_DKIM_WORLD_H
#define MAILREEVE_TESTS_DKIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "dkim/dkim.h"

#define WORLD_ROWS_MAX    256
#define WORLD_STEPS_MAX   100
#define WORLD_RECORDS_MAX 8

struct world_row {
	const char *name;
	bool is_fault;
	const char *data;
	size_t octets;
};

struct world {
	struct arena arena;
	struct world_row rows[WORLD_ROWS_MAX];
	size_t n_rows;
	unsigned slow_polls; /* how often a question is polled in vain */
	unsigned refusals;   /* how many questions find no room at first */
	unsigned asked;
	struct dkim_service *service;
};

struct world_question {
	unsigned polls_left;
	bool pending;
	struct dns_answer answer;
};

static inline void world_zone(struct world *world, const char *text, size_t octets)
{
	char *copy = arena_copy(&world->arena, text, octets);

	for (char *line = copy; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		char *next = line[length] == '\0' ? line + length : line + length + 1;
		line[length] = '\0';
		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		char *type = strchr(line, '\t');
		char *data = type != NULL ? strchr(type + 1, '\t') : NULL;
		if (data != NULL && world->n_rows < WORLD_ROWS_MAX) {
			*type++ = '\0';
			*data++ = '\0';
			world->rows[world->n_rows++] = (struct world_row){ .name = line,
				                                           .is_fault = strcmp(type, "RCODE") == 0,
				                                           .data = data,
				                                           .octets = strlen(data) };
		}
		line = next;
	}
}

static inline void world_fault(struct world_question *question, const char *fault)
{
	struct dns_answer *answer = &question->answer;

	answer->status = DNS_UNSURE;
	answer->why = DNS_WHY_SERVFAIL;
	if (strcmp(fault, "TIMEOUT") == 0) {
		answer->why = DNS_WHY_TIMEOUT;
	} else if (strcmp(fault, "NODATA") == 0 || strcmp(fault, "NXDOMAIN") == 0) {
		answer->status = DNS_NONE;
		answer->why = fault[1] == 'X' ? DNS_WHY_NXDOMAIN : DNS_WHY_NODATA;
	}
	question->pending = strcmp(fault, "PENDING") == 0;
}

static inline void *world_ask(void *context, const char *name, enum dns_type type)
{
	struct world *world = context;
	struct world_question *question;
	struct dns_record *records;

	if (world->refusals > 0) {
		world->refusals--;
		return NULL;
	}
	question = arena_alloc(&world->arena, sizeof(*question));
	records = arena_alloc(&world->arena, WORLD_RECORDS_MAX * sizeof(*records));
	world->asked++;
	question->polls_left = world->slow_polls;
	question->answer = (struct dns_answer){ .status = DNS_NONE, .why = DNS_WHY_NXDOMAIN, .ttl_s = 300 };
	question->answer.records = records;
	for (size_t i = 0; i < world->n_rows && type == DNS_TXT; i++) {
		const struct world_row *row = &world->rows[i];
		if (strcasecmp(row->name, name) != 0)
			continue;
		if (row->is_fault) {
			world_fault(question, row->data);
		} else if (question->answer.n_records < WORLD_RECORDS_MAX) {
			question->answer.status = DNS_FOUND;
			question->answer.why = DNS_WHY_NOTHING;
			records[question->answer.n_records].data = (const uint8_t *)row->data;
			records[question->answer.n_records++].octets = row->octets;
		}
	}
	return question;
}

static inline enum dns_status world_poll(void *context, void *asked, const struct dns_answer **answer)
{
	struct world_question *question = asked;

	(void)context;
	if (question->pending || question->polls_left > 0) {
		question->polls_left -= question->polls_left > 0;
		return DNS_PENDING;
	}
	*answer = &question->answer;
	return question->answer.status;
}

static inline struct dns_asker world_asker(struct world *world)
{
	return (struct dns_asker){ .context = world, .ask = world_ask, .poll = world_poll };
}

static inline void world_open(struct world *world, const char *zone)
{
	struct dkim_settings settings = dkim_default_settings();
	struct err err = { "" };

	memset(world, 0, sizeof(*world));
	arena_open(&world->arena, NULL);
	world_zone(world, zone, strlen(zone));
	world->service = dkim_service_open(&settings, &err);
	if (world->service == NULL) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

static inline void world_close(struct world *world)
{
	dkim_service_close(&world->service);
	arena_close(&world->arena);
}

/* ---- a message ---- */

/* One field: up to a line end that no white space follows. Returns where the next begins. */
static inline size_t world_field(struct dkim *dkim, const char *text, size_t at, size_t octets, struct arena *arena)
{
	size_t end = at;
	char *copy, *colon;

	while (end < octets &&
	       !(text[end] == '\n' && (end + 1 == octets || (text[end + 1] != ' ' && text[end + 1] != '\t'))))
		end++;
	copy = arena_copy(arena, text + at, end - at);
	if (end > at && copy[end - at - 1] == '\r')
		copy[end - at - 1] = '\0';
	colon = strchr(copy, ':');
	if (colon != NULL) {
		*colon = '\0';
		dkim_add_field(dkim, copy, colon + 1);
	}
	return end < octets ? end + 1 : octets;
}

/* Feed all of a message whose lines end in CRLF, the body in pieces of `cut` octets (0: at once). */
static inline void world_feed(struct dkim *dkim, const char *text, size_t octets, size_t cut, struct arena *arena)
{
	size_t at = 0;

	while (at < octets && strncmp(text + at, "\r\n", octets - at < 2 ? octets - at : 2) != 0)
		at = world_field(dkim, text, at, octets, arena);
	dkim_headers_end(dkim);
	at = octets - at >= 2 ? at + 2 : octets;
	while (at < octets) {
		size_t piece = cut > 0 && cut < octets - at ? cut : octets - at;
		uint8_t *copy = malloc(piece); /* of exactly its size, for the sake of the sanitisers */
		if (copy == NULL)
			abort();
		memcpy(copy, text + at, piece);
		dkim_add_body(dkim, copy, piece);
		free(copy);
		at += piece;
	}
	dkim_body_end(dkim);
}

/* All of it. The results live in `arena`. */
static inline const struct dkim_results *world_verify(struct world *world, const char *text, size_t octets, size_t cut,
                                                      uint64_t now_s, struct arena *arena)
{
	struct dns_asker asker = world_asker(world);
	struct dkim *dkim = dkim_open(world->service, &asker, now_s, arena);

	world_feed(dkim, text, octets, cut, arena);
	for (unsigned i = 0; i < WORLD_STEPS_MAX; i++) {
		if (dkim_step(dkim))
			return dkim_get_results(dkim);
	}
	dkim_stop(dkim);
	return dkim_get_results(dkim);
}

#endif
