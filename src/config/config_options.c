/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config_private.h"

struct option *options_find(const struct option *group, const char *name)
{
	for (struct option *option = group->first; option != NULL; option = option->next) {
		if (strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

static struct option *add_option(struct arena *arena, struct option *group, const char *name, size_t length)
{
	struct option *option = arena_alloc(arena, sizeof(*option));

	option->name = arena_copy(arena, name, length);
	if (group == NULL)
		return option;
	if (group->last != NULL)
		group->last->next = option;
	else
		group->first = option;
	group->last = option;
	return option;
}

static _Noreturn void defined_twice(const char *name)
{
	log_error("config: the option %s is defined twice, or both as a group and as a value", name);
	abort();
}

static struct option *enter_group(struct arena *arena, struct option *group, const char *name, size_t length)
{
	const char *copy = arena_copy(arena, name, length);
	struct option *option = options_find(group, copy);

	if (option == NULL)
		return add_option(arena, group, copy, length);
	if (option->row != NULL)
		defined_twice(copy);
	return option;
}

static void add_rows(struct arena *arena, struct option *group, const struct config_row *rows, size_t n_rows,
                     char *into);

static void add_row(struct arena *arena, struct option *group, const struct config_row *row, char *into)
{
	struct option *option;
	const char *name = row->name, *dot;

	for (; (dot = strchr(name, '.')) != NULL; name = dot + 1)
		group = enter_group(arena, group, name, (size_t)(dot - name));
	if (options_find(group, name) != NULL)
		defined_twice(row->name);
	option = add_option(arena, group, name, strlen(name));
	option->row = row;
	option->into = into;
	if (row->type == CONFIG_LIST) {
		option->element = add_option(arena, NULL, "", 0);
		add_rows(arena, option->element, row->list->rows, row->list->n_rows, NULL);
	}
}

static void add_rows(struct arena *arena, struct option *group, const struct config_row *rows, size_t n_rows,
                     char *into)
{
	for (size_t i = 0; i < n_rows; i++)
		add_row(arena, group, &rows[i], into);
}

struct option *options_open(struct arena *arena, const struct config_section *sections, size_t n_sections)
{
	struct option *root = add_option(arena, NULL, "", 0);

	for (size_t i = 0; i < n_sections; i++) {
		const struct config_section *section = &sections[i];
		struct option *group = root;

		if (section->name[0] != '\0')
			group = enter_group(arena, root, section->name, strlen(section->name));
		if (group != root && group->help == NULL)
			group->help = section->help;
		add_rows(arena, group, section->rows, section->n_rows, section->into);
	}
	return root;
}
