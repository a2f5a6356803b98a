/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_world - for the tests of SPF: a DNS of a few names in memory, whose time stands still until it is let tick.
 *
 * A world is a text, a row a line: `NAME TYPE DATA`. DATA of a TXT is the rest of the line ("\xHH" is an octet);
 * "!timeout" and "!servfail" stand for an answer that fails; type "*" for every type. What is in no row does not exist;
 * what has rows of other types only is NODATA.
 */
#ifndef MAILREEVE_TESTS_SPF_WORLD_H
#define MAILREEVE_TESTS_SPF_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/name.h"
#include "spf/spf.h"

#define WORLD_ROUNDS_MAX 500

struct world_row {
	struct world_row *next;
	const char *name;
	int type; /* 0: every one */
	enum dns_why fault;
	struct dns_record record;
};

struct world_question {
	unsigned ready; /* the tick from which the answer is there */
	struct dns_answer answer;
};

struct world {
	struct arena arena;
	struct world_row *rows, **rows_end;
	unsigned tick, room_ticks;
	uint32_t seed;         /* 0: every answer takes one tick; else 0 to 4, as the seed has it */
	unsigned no_room_each; /* every so many questions find no room; 0: none */
	unsigned asked, asked_type[30], refused;
	unsigned rounds; /* of the last run */
};

static const struct {
	const char *name;
	int type;
} world_types[] = { { "A", DNS_A },     { "AAAA", DNS_AAAA }, { "MX", DNS_MX },
	            { "PTR", DNS_PTR }, { "TXT", DNS_TXT },   { "*", 0 } };

static inline uint32_t world_hash(uint32_t seed, const char *name, enum dns_type type)
{
	uint32_t hash = seed * 2654435761u ^ (uint32_t)type * 40503u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash ^ hash >> 15;
}

static inline void world_octets(struct world *world, struct dns_record *record, const char *text)
{
	uint8_t *data = arena_alloc(&world->arena, strlen(text) + 1);

	for (record->octets = 0; *text != '\0'; record->octets++) {
		if (strncmp(text, "\\x", 2) == 0 && strlen(text) >= 4) {
			const char hex[] = { text[2], text[3], '\0' };
			data[record->octets] = (uint8_t)strtoul(hex, NULL, 16);
			text += 4;
		} else {
			data[record->octets] = (uint8_t)*text++;
		}
	}
	record->data = data;
}

static inline void world_add(struct world *world, const char *name, const char *type, const char *data)
{
	struct world_row *row = arena_alloc(&world->arena, sizeof(*row));
	char *target = NULL;

	row->name = arena_strdup(&world->arena, name);
	row->type = -1;
	for (size_t i = 0; i < COUNT(world_types); i++)
		if (strcmp(world_types[i].name, type) == 0)
			row->type = world_types[i].type;
	assert_int_not_equal(row->type, -1);
	if (data[0] == '!')
		row->fault = strcmp(data, "!timeout") == 0 ? DNS_WHY_TIMEOUT : DNS_WHY_SERVFAIL;
	else if (row->type == DNS_A || row->type == DNS_AAAA)
		assert_true(ip_parse(&row->record.ip, data));
	else if (row->type == DNS_TXT)
		world_octets(world, &row->record, data);
	else if (row->type == DNS_MX)
		row->record.preference = (uint16_t)strtoul(data, &target, 10);
	row->record.name = arena_strdup(&world->arena, target != NULL ? target + strspn(target, " ") : data);
	*world->rows_end = row;
	world->rows_end = &row->next;
}

static inline void world_open(struct world *world)
{
	*world = (struct world){ .tick = 1 };
	world->rows_end = &world->rows;
	arena_open(&world->arena, NULL);
}

static inline void world_close(struct world *world)
{
	arena_close(&world->arena);
}

static inline void world_script(struct world *world, const char *script)
{
	char *text = memory_strdup(script), *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *type = strchr(line, ' ');
		char *data = type != NULL ? strchr(type + 1, ' ') : NULL;
		if (data == NULL) {
			fail_msg("a line of the world is no record: %s", line);
			break;
		}
		*type++ = *data++ = '\0';
		world_add(world, line, type, data);
	}
	free(text);
}

static inline void world_fill(struct world *world, struct dns_answer *answer, const char *name, enum dns_type type)
{
	struct dns_record records[DNS_RECORDS_MAX] = { { .preference = 0 } };
	bool exists = false;

	for (const struct world_row *row = world->rows; row != NULL; row = row->next) {
		if (strcasecmp(row->name, name) != 0)
			continue;
		exists = true;
		if (row->type != 0 && row->type != (int)type)
			continue;
		if (row->fault != DNS_WHY_NOTHING)
			answer->why = row->fault;
		else
			records[answer->n_records++] = row->record;
	}
	answer->status = answer->why != DNS_WHY_NOTHING ? DNS_UNSURE : answer->n_records > 0 ? DNS_FOUND : DNS_NONE;
	if (answer->status == DNS_NONE)
		answer->why = exists ? DNS_WHY_NODATA : DNS_WHY_NXDOMAIN;
	answer->records = memcpy(arena_alloc(&world->arena, sizeof(records[0]) * (answer->n_records + 1)), records,
	                         sizeof(records[0]) * answer->n_records);
}

static inline void *world_ask(void *context, const char *name, enum dns_type type)
{
	struct world *world = context;
	struct world_question *question;
	uint8_t wire[DNS_WIRE_MAX];

	if (world->no_room_each > 0 && world->room_ticks++ % world->no_room_each == 0) {
		world->refused++;
		return NULL;
	}
	question = arena_alloc(&world->arena, sizeof(*question));
	/* Nothing that cannot be a name, nothing unprintable, is ever asked for. */
	assert_true(dns_name_to_wire(name, wire) > 1);
	for (const char *c = name; *c != '\0'; c++)
		assert_true(*c > ' ' && *c <= '~');
	world->asked++;
	world->asked_type[type]++;
	question->ready = world->tick + (world->seed == 0 ? 1 : world_hash(world->seed, name, type) % 5);
	world_fill(world, &question->answer, name, type);
	return question;
}

static inline enum dns_status world_poll(void *context, void *handle, const struct dns_answer **answer)
{
	const struct world *world = context;
	struct world_question *question = handle;

	if (world->tick < question->ready)
		return DNS_PENDING;
	*answer = &question->answer;
	return question->answer.status;
}

/* Evaluate to the end, tick by tick. The result lives in `arena`. */
static inline const struct spf_result *world_run_limits(struct world *world, const struct spf_query *query,
                                                        const struct spf_limits *limits, struct arena *arena)
{
	struct spf_dns dns = { .context = world, .ask = world_ask, .poll = world_poll };
	struct spf *spf = spf_open(query, limits, &dns, arena);

	for (world->rounds = 0; !spf_step(spf); world->rounds++, world->tick++)
		assert_true(world->rounds < WORLD_ROUNDS_MAX);
	return spf_result(spf);
}

/* Pieces of worlds: the record of example.org; ten rows, of a.NAME to j.NAME; includes of the ten. */
#define ORG(record) "example.org TXT v=spf1 " record "\n"
#define INCLUDES10                                                                                 \
	"include:a.example.net include:b.example.net include:c.example.net include:d.example.net " \
	"include:e.example.net include:f.example.net include:g.example.net include:h.example.net " \
	"include:i.example.net include:j.example.net "
#define TEN(prefix, rest)                                                                            \
	"a." prefix rest "\nb." prefix rest "\nc." prefix rest "\nd." prefix rest "\ne." prefix rest \
	"\nf." prefix rest "\ng." prefix rest "\nh." prefix rest "\ni." prefix rest "\nj." prefix rest "\n"

/* user@example.org from 192.0.2.1, unless said otherwise. */
#define QUERY(...)                                                                  \
	((struct spf_query){ .identity = SPF_MAIL_FROM,                             \
	                     .helo = "mail.example.org",                            \
	                     .local = "user",                                       \
	                     .domain = "example.org",                               \
	                     .client = { .family = 4, .octets = { 192, 0, 2, 1 } }, \
	                     __VA_ARGS__ })

static inline const struct spf_result *world_run(struct world *world, struct spf_query query, struct arena *arena)
{
	struct spf_limits limits = spf_default_limits();

	return world_run_limits(world, &query, &limits, arena);
}

static inline void assert_begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		assert_string_equal(text, with);
}

#endif
