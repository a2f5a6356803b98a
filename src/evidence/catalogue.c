/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "evidence/fact.h"

#define NAME_SHOWN_MAX 80 /* octets of a refused name that an error shows */

struct catalogue {
	struct arena arena; /* names and texts */
	size_t n;
	struct fact_info facts[FACTS_MAX]; /* in place: an info stays where it is while others are added */
};

struct catalogue *catalogue_open(void)
{
	struct catalogue *catalogue = memory_new(sizeof(*catalogue));

	arena_open(&catalogue->arena, NULL);
	return catalogue;
}

void catalogue_close(struct catalogue **catalogue)
{
	if (*catalogue == NULL)
		return;
	arena_close(&(*catalogue)->arena);
	free(*catalogue);
	*catalogue = NULL;
}

/* Why "check.name" cannot be the name of a fact; NULL when it can. */
static const char *fault_of(const char *check, const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (check[0] == '\0' || name[0] == '\0')
		return "a part of the name is empty";
	if (check[strspn(check, allowed)] != '\0' || name[strspn(name, allowed)] != '\0')
		return "only a-z, 0-9, '_', '.' and '-' are allowed";
	if (strlen(check) + 1 + strlen(name) > FACT_NAME_MAX)
		return "the name is too long (at most 64 octets)";
	return NULL;
}

static int refuse(const char *check, const char *name, const char *why, struct err *err)
{
	char memory[NAME_SHOWN_MAX + 1];
	struct strbuf shown;

	strbuf_open(&shown, memory, sizeof(memory));
	strbuf_add_clean(&shown, check, "\"", NAME_SHOWN_MAX / 2);
	strbuf_add(&shown, ".");
	strbuf_add_clean(&shown, name, "\"", NAME_SHOWN_MAX / 2 - 1);
	return err_set(err, "the fact \"%s\" cannot be added: %s", memory, why);
}

fact_id catalogue_add(struct catalogue *catalogue, const char *check, const char *name, enum fact_kind kind,
                      int points_milli, const char *text, struct err *err)
{
	char full[FACT_NAME_MAX + 1];
	struct strbuf buf;
	const char *why = fault_of(check, name);

	strbuf_open(&buf, full, sizeof(full));
	strbuf_addf(&buf, "%s.%s", check, name);
	if (why == NULL && catalogue_find(catalogue, full) != FACT_NO_ID)
		why = "there is already a fact of this name";
	if (why == NULL && catalogue->n == FACTS_MAX)
		why = "there are already 1024 facts, which is the limit";
	if (why != NULL) {
		refuse(check, name, why, err);
		return FACT_NO_ID;
	}
	catalogue->facts[catalogue->n] = (struct fact_info){
		.name = arena_strdup(&catalogue->arena, full),
		.check = arena_copy(&catalogue->arena, full, strcspn(full, ".")),
		.text = arena_strdup(&catalogue->arena, text != NULL ? text : ""),
		.kind = kind,
		.points_milli = points_milli,
	};
	return (fact_id)catalogue->n++;
}

size_t catalogue_count(const struct catalogue *catalogue)
{
	return catalogue->n;
}

const struct fact_info *catalogue_info(const struct catalogue *catalogue, fact_id id)
{
	return id < catalogue->n ? &catalogue->facts[id] : NULL;
}

fact_id catalogue_find(const struct catalogue *catalogue, const char *full_name)
{
	for (size_t id = 0; id < catalogue->n; id++) {
		if (strcmp(catalogue->facts[id].name, full_name) == 0)
			return (fact_id)id;
	}
	return FACT_NO_ID;
}
