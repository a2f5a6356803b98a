/* SPDX-License-Identifier: BSD-2-Clause */
#include "evidence/evidence.h"

#include <string.h>

#include "base/strbuf.h"

/* Beside the backslash: what would end a quoted log value, a log line's parenthesis, a header's comment or element. */
#define DETAIL_SPECIAL "\"();"

void evidence_open(struct evidence *evidence, const struct evidence *outer)
{
	*evidence = (struct evidence){ .outer = outer };
}

static const struct evidence_item *find_here(const struct evidence *evidence, fact_id id)
{
	const struct evidence_item *item = evidence->first;

	while (item != NULL && item->id != id)
		item = item->next;
	return item;
}

static struct evidence_item *item_new(struct arena *arena, fact_id id, enum stage stage, const char *detail,
                                      size_t octets)
{
	struct evidence_item *item = arena_alloc(arena, offsetof(struct evidence_item, detail) + octets + 1);

	item->id = id;
	item->stage = (uint8_t)stage;
	memcpy(item->detail, detail, octets);
	return item;
}

struct evidence_item *evidence_item_copy(const struct evidence_item *item, struct arena *arena)
{
	return item_new(arena, item->id, (enum stage)item->stage, item->detail, strlen(item->detail));
}

void evidence_add(struct evidence *evidence, struct arena *arena, fact_id id, enum stage stage, const char *detail)
{
	char memory[EVIDENCE_DETAIL_MAX + 1];
	struct strbuf clean;
	struct evidence_item *item;

	if (id >= FACTS_MAX || find_here(evidence, id) != NULL)
		return;
	strbuf_open(&clean, memory, sizeof(memory));
	strbuf_add_clean(&clean, detail, DETAIL_SPECIAL, EVIDENCE_DETAIL_MAX);
	item = item_new(arena, id, stage, clean.text, clean.length);
	if (evidence->last != NULL)
		evidence->last->next = item;
	else
		evidence->first = item;
	evidence->last = item;
}

const struct evidence_item *evidence_find(const struct evidence *evidence, fact_id id)
{
	const struct evidence_item *item = NULL;

	for (; evidence != NULL && item == NULL; evidence = evidence->outer)
		item = find_here(evidence, id);
	return item;
}

void evidence_facts(const struct evidence *evidence, struct factset *set)
{
	for (; evidence != NULL; evidence = evidence->outer) {
		for (const struct evidence_item *item = evidence->first; item != NULL; item = item->next)
			factset_add(set, item->id);
	}
}
