/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_world - a DNS of a few lines for tests of DMARC, whose answers come late.
 *
 * A line is "NAME TEXT": a TXT record at _dmarc.NAME (several make several records); "?NAME": nobody answers there;
 * "-NAME": NODATA; "+NAME": NAME itself exists; "?+NAME": nobody says whether it does; "~NAME": its A record is a CNAME
 * to what does not exist. All else is NXDOMAIN.
 */
#ifndef MAILREEVE_TESTS_DMARC_WORLD_H
#define MAILREEVE_TESTS_DMARC_WORLD_H

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "dmarc/dmarc.h"

#define WORLD_LINES_MAX     24
#define WORLD_QUESTIONS_MAX 200

struct world_question {
	char name[DNS_NAME_TEXT_MAX];
	enum dns_type type;
	int polls_left; /* before it is answered; below 0: never */
	struct dns_answer answer;
	struct dns_record records[4];
};

struct world {
	const char *lines[WORLD_LINES_MAX];
	struct world_question questions[WORLD_QUESTIONS_MAX];
	size_t n_questions;
	size_t room;            /* questions that may be open at once; 0: any number */
	int (*delay)(size_t i); /* polls that question number i waits for; NULL: none */
	struct arena_quota quota;
	struct arena arena;
	struct dns_asker asker;
};

static inline bool world_is(const char *line, const char *mark, const char *name)
{
	size_t octets = strlen(mark);

	return strncmp(line, mark, octets) == 0 && strcmp(line + octets, name) == 0;
}

static inline void world_unsure(struct dns_answer *answer)
{
	*answer = (struct dns_answer){ .status = DNS_UNSURE, .why = DNS_WHY_SERVFAIL };
}

static inline void world_answer_txt(struct world *world, struct world_question *question, const char *name)
{
	struct dns_answer *answer = &question->answer;

	for (size_t i = 0; i < WORLD_LINES_MAX && world->lines[i] != NULL; i++) {
		const char *line = world->lines[i], *space = strchr(line, ' ');
		if (world_is(line, "?", name))
			world_unsure(answer);
		if (world_is(line, "-", name))
			answer->why = DNS_WHY_NODATA;
		if (space == NULL || (size_t)(space - line) != strlen(name) || strncmp(line, name, strlen(name)) != 0)
			continue;
		assert(answer->n_records < 4);
		question->records[answer->n_records++] = (struct dns_record){ .data = (const uint8_t *)space + 1,
			                                                      .octets = strlen(space + 1) };
		answer->status = DNS_FOUND;
		answer->why = DNS_WHY_NOTHING;
		answer->records = question->records;
	}
}

static inline void world_answer_a(struct world *world, struct world_question *question)
{
	struct dns_answer *answer = &question->answer;

	for (size_t i = 0; i < WORLD_LINES_MAX && world->lines[i] != NULL; i++) {
		if (world_is(world->lines[i], "?+", question->name))
			world_unsure(answer);
		if (world_is(world->lines[i], "+", question->name))
			answer->why = DNS_WHY_NODATA;
		if (world_is(world->lines[i], "~", question->name))
			answer->canonical = "gone.example";
	}
}

static inline size_t world_open_questions(const struct world *world)
{
	size_t n = 0;

	for (size_t i = 0; i < world->n_questions; i++)
		n += world->questions[i].polls_left != 0;
	return n;
}

static inline void *world_ask(void *context, const char *name, enum dns_type type)
{
	struct world *world = context;
	struct world_question *question = &world->questions[world->n_questions];

	if (world->room > 0 && world_open_questions(world) >= world->room)
		return NULL;
	assert(world->n_questions < WORLD_QUESTIONS_MAX);
	for (size_t i = 0; i < world->n_questions; i++) /* nothing is asked twice */
		assert(world->questions[i].type != type || strcmp(world->questions[i].name, name) != 0);
	*question = (struct world_question){ .type = type };
	question->polls_left = world->delay != NULL ? world->delay(world->n_questions) : 0;
	snprintf(question->name, sizeof(question->name), "%s", name);
	question->answer = (struct dns_answer){ .status = DNS_NONE, .why = DNS_WHY_NXDOMAIN };
	if (type == DNS_TXT) {
		assert(strncmp(name, "_dmarc.", 7) == 0);
		world_answer_txt(world, question, name + 7);
	} else {
		assert(type == DNS_A);
		world_answer_a(world, question);
	}
	world->n_questions++;
	return question;
}

static inline enum dns_status world_poll(void *context, void *asked, const struct dns_answer **answer)
{
	struct world_question *question = asked;

	(void)context;
	if (question->polls_left != 0) {
		question->polls_left -= question->polls_left > 0;
		return DNS_PENDING;
	}
	*answer = &question->answer;
	return question->answer.status;
}

static inline void world_open(struct world *world, const char *const *lines)
{
	memset(world, 0, sizeof(*world));
	for (size_t i = 0; i < WORLD_LINES_MAX && lines[i] != NULL; i++)
		world->lines[i] = lines[i];
	world->quota.max_octets = SIZE_MAX;
	arena_open(&world->arena, &world->quota);
	world->asker = (struct dns_asker){ .context = world, .ask = world_ask, .poll = world_poll };
}

static inline void world_close(struct world *world)
{
	arena_close(&world->arena);
}

/* "dkim:DOMAIN", "spf:DOMAIN", up to a NULL. Returns how many. */
static inline size_t world_identifiers(struct dmarc_identifier *identifiers, const char *const *texts)
{
	size_t n = 0;

	for (; texts[n] != NULL; n++)
		identifiers[n] = (struct dmarc_identifier){ .domain = strchr(texts[n], ':') + 1,
			                                    .dkim = texts[n][0] == 'd' };
	return n;
}

/* All of an evaluation: `ahead`, the identifiers are expected before they are known. */
static inline const struct dmarc_result *
world_evaluate(struct world *world, const char *from, const struct dmarc_identifier *identifiers, size_t n, bool ahead)
{
	struct dmarc *dmarc = dmarc_open(from, true, &world->asker, &world->arena);

	for (size_t i = 0; ahead && i < n; i++)
		dmarc_expect(dmarc, identifiers[i].domain);
	(void)dmarc_step(dmarc);
	dmarc_identifiers(dmarc, identifiers, n);
	for (int i = 0; i < 2000 && !dmarc_step(dmarc); i++)
		;
	dmarc_stop(dmarc);
	return dmarc_get_result(dmarc);
}

#endif
