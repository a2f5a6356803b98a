/* SPDX-License-Identifier: BSD-2-Clause */
#include "dmarc/walk.h"

#include <string.h>

#include "base/strbuf.h"

#define LABELS_AFTER_SKIP 7 /* RFC 9989 4.10, step 4 */

/* ---- names ---- */

static const char *parent(const char *domain)
{
	const char *dot = strchr(domain, '.');

	return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

static size_t count_labels(const char *domain)
{
	size_t n = 0;

	for (; domain != NULL; domain = parent(domain))
		n++;
	return n;
}

bool dmarc_query_name(char name[DNS_NAME_TEXT_MAX], const char *prefix, const char *domain)
{
	struct strbuf buf;

	strbuf_open(&buf, name, DNS_NAME_TEXT_MAX);
	strbuf_add(&buf, prefix);
	for (; *domain != '\0' && !buf.truncated; domain++) {
		if (*domain > ' ' && *domain <= '~' && *domain != '\\')
			strbuf_add_octets(&buf, domain, 1);
		else
			strbuf_addf(&buf, "\\%03u", (unsigned)(unsigned char)*domain);
	}
	return !buf.truncated;
}

/* ---- walks ---- */

static struct dmarc_level *level_of(struct dmarc_levels *levels, const char *domain)
{
	struct dmarc_level *level = levels->first;

	while (level != NULL && strcmp(level->domain, domain) != 0)
		level = level->next;
	if (level != NULL)
		return level;
	level = arena_alloc(levels->arena, sizeof(*level));
	level->domain = domain;
	level->next = levels->first;
	levels->first = level;
	return level;
}

struct dmarc_walk *dmarc_walk_open(struct dmarc_levels *levels, const char *domain)
{
	struct dmarc_walk *walk = arena_alloc(levels->arena, sizeof(*walk));
	size_t labels = count_labels(domain);

	walk->domain = domain;
	while (domain != NULL && *domain != '\0' && *domain != '[' && walk->n < DMARC_QUERIES_MAX) {
		walk->levels[walk->n++] = level_of(levels, domain);
		do {
			domain = parent(domain);
		} while (--labels > LABELS_AFTER_SKIP);
	}
	return walk;
}

/* ---- questions ---- */

static void ask(struct dmarc_levels *levels, struct dmarc_level *level)
{
	char name[DNS_NAME_TEXT_MAX];

	if (!dmarc_query_name(name, "_dmarc.", level->domain)) {
		level->state = LEVEL_EMPTY;
		return;
	}
	level->question = levels->asker->ask(levels->asker->context, name, DNS_TXT);
	if (level->question == NULL)
		return;
	level->state = LEVEL_PENDING;
	levels->queries++;
}

static void take_records(struct dmarc_level *level, const struct dns_answer *answer)
{
	size_t n = 0;

	for (size_t i = 0; i < answer->n_records; i++) {
		const struct dns_record *text = &answer->records[i];
		if (text->data == NULL || !dmarc_is_record(text->data, text->octets))
			continue;
		level->text = text;
		n++;
	}
	level->several = n > 1;
	level->state = n == 1 ? LEVEL_RECORD : LEVEL_EMPTY;
	if (n == 1)
		dmarc_record_parse(&level->record, level->text->data, level->text->octets);
}

static void collect(struct dmarc_levels *levels, struct dmarc_level *level)
{
	const struct dns_answer *answer = NULL;
	enum dns_status status = levels->asker->poll(levels->asker->context, level->question, &answer);

	if (status == DNS_PENDING)
		return;
	level->why = answer->why;
	if (status == DNS_UNSURE) {
		level->state = LEVEL_UNSURE;
		return;
	}
	level->exists = status == DNS_FOUND || answer->why == DNS_WHY_NODATA || answer->canonical != NULL;
	take_records(level, answer);
}

void dmarc_levels_step(struct dmarc_levels *levels)
{
	for (struct dmarc_level *level = levels->first; level != NULL; level = level->next) {
		if (level->state == LEVEL_UNASKED)
			ask(levels, level);
		if (level->state == LEVEL_PENDING)
			collect(levels, level);
	}
}

static bool is_open(const struct dmarc_level *level)
{
	return level->state == LEVEL_UNASKED || level->state == LEVEL_PENDING;
}

void dmarc_levels_stop(struct dmarc_levels *levels)
{
	for (struct dmarc_level *level = levels->first; level != NULL; level = level->next) {
		if (level->state == LEVEL_PENDING)
			collect(levels, level);
		if (!is_open(level))
			continue;
		level->why = level->state == LEVEL_UNASKED ? DNS_WHY_LIMIT : DNS_WHY_TIMEOUT;
		level->state = LEVEL_UNSURE;
	}
}

bool dmarc_walk_is_complete(const struct dmarc_walk *walk)
{
	for (size_t i = 0; i < walk->n; i++) {
		if (is_open(walk->levels[i]))
			return false;
	}
	return true;
}

bool dmarc_levels_are_complete(const struct dmarc_levels *levels)
{
	for (const struct dmarc_level *level = levels->first; level != NULL; level = level->next) {
		if (is_open(level))
			return false;
	}
	return true;
}

/* ---- what is found ---- */

static bool has_record(const struct dmarc_level *level)
{
	return level->state == LEVEL_RECORD || (level->state != LEVEL_EMPTY && level->supposed_state == LEVEL_RECORD);
}

static enum dmarc_psd psd_of(const struct dmarc_level *level)
{
	return level->state == LEVEL_RECORD ? level->record.psd : level->supposed_psd;
}

/* The part of `domain` that has one label more than `suffix`, which is another part of it. */
static const char *one_below(const char *domain, const char *suffix)
{
	size_t before = strlen(domain) - strlen(suffix) - 1; /* up to the dot */

	while (before > 0 && domain[before - 1] != '.')
		before--;
	return domain + before;
}

/* The level where the walk stops, or the last that has a record (4.10.2, 1 and 3); NULL: none has. */
static const struct dmarc_level *last_level(const struct dmarc_walk *walk)
{
	const struct dmarc_level *last = NULL;

	for (size_t i = 0; i < walk->n; i++) {
		if (!has_record(walk->levels[i]))
			continue;
		last = walk->levels[i];
		if (psd_of(last) != DMARC_PSD_UNKNOWN)
			break;
	}
	return last;
}

static const struct dmarc_level *record_at(const struct dmarc_walk *walk, const char *domain)
{
	for (size_t i = 0; i < walk->n; i++) {
		if (has_record(walk->levels[i]) && strcmp(walk->levels[i]->domain, domain) == 0)
			return walk->levels[i];
	}
	return NULL;
}

void dmarc_walk_find(const struct dmarc_walk *walk, struct dmarc_found *found)
{
	const struct dmarc_level *last = last_level(walk);

	*found = (struct dmarc_found){ .organisation = walk->domain };
	if (last == NULL)
		return;
	bool above = strlen(last->domain) < strlen(walk->domain);
	const char *organisation = walk->domain + strlen(walk->domain) - strlen(last->domain);
	if (above && psd_of(last) == DMARC_PSD_YES)
		organisation = one_below(walk->domain, last->domain);
	found->organisation = organisation;
	found->policy = record_at(walk, walk->domain);
	if (found->policy == NULL)
		found->policy = record_at(walk, organisation);
	if (found->policy == NULL)
		found->policy = last; /* the public suffix */
}
