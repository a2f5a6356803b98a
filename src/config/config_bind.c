/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_bind - what was written meets what is known: every option filled, every mistake noted.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config_private.h"
#include "config/nearest.h"

#define PROBLEM_MAX     800
#define WRONG_MAX       400
#define KNOWN_SHOWN_MAX 160

struct binder {
	struct config *config;
	struct problems *problems;
	const struct config_row *fallback_of; /* while a default is being read: its row */
};

/* Where a group, or one element of a list, stands. */
struct scope {
	const char *path;         /* "" for the outermost group */
	void *element;            /* struct of the element; NULL outside of lists */
	const struct node *owner; /* the element; NULL outside of lists */
};

static void bind_group(struct binder *binder, const struct option *group, const struct node *node, struct scope scope);

static const char *path_to(struct binder *binder, const char *parent, const char *name)
{
	char memory[CONFIG_PATH_MAX];
	struct strbuf path;

	strbuf_open(&path, memory, sizeof(memory));
	strbuf_addf(&path, "%s%s", parent, parent[0] != '\0' ? "." : "");
	strbuf_add_clean(&path, name, NULL, CONFIG_PATH_MAX);
	return arena_strdup(&binder->config->arena, memory);
}

static const char *path_to_element(struct binder *binder, const char *list, size_t i)
{
	char memory[CONFIG_PATH_MAX];
	struct strbuf path;

	strbuf_open(&path, memory, sizeof(memory));
	strbuf_addf(&path, "%s[%zu]", list, i);
	return arena_strdup(&binder->config->arena, memory);
}

void problems_add(struct config *config, struct problems *problems, size_t order, const char *text)
{
	if (problems->n == problems->size) {
		problems->size = problems->size > 0 ? 2 * problems->size : 16;
		problems->items = memory_grow(problems->items, problems->size * sizeof(*problems->items));
	}
	problems->items[problems->n++] = (struct problem){ order, arena_strdup(&config->arena, text) };
}

/*
 * Note what is wrong with `node`: "FILE:LINE: PATH = VALUE: message", or "-o PATH=VALUE: message". The value is shown
 * when its row is given: only then it is known not to be a secret.
 */
static void problem(struct binder *binder, const struct node *node, const char *path, const struct config_row *row,
                    const char *message)
{
	char memory[PROBLEM_MAX];
	struct strbuf text;

	if (binder->fallback_of != NULL) {
		log_error("config: the default %s of %s (%s): %s", binder->fallback_of->fallback,
		          binder->fallback_of->name, path, message);
		abort();
	}
	strbuf_open(&text, memory, sizeof(memory));
	config_add_place(node, path, row, &text);
	strbuf_addf(&text, ": %s", message);
	problems_add(binder->config, binder->problems, node->order, memory);
}

static const char *nth_name(const void *context, size_t i)
{
	const struct option *option = ((const struct option *)context)->first;

	for (; option != NULL && i > 0; i--)
		option = option->next;
	return option != NULL ? option->name : NULL;
}

/* An option of that very name in another group. */
static bool find_elsewhere(const struct option *group, const char *name, struct strbuf *path)
{
	size_t length = path->length;

	for (const struct option *option = group->first; option != NULL; option = option->next) {
		strbuf_addf(path, "%s%s", length > 0 ? "." : "", option->name);
		if (strcmp(option->name, name) == 0 || find_elsewhere(option, name, path))
			return true;
		path->length = length;
		path->text[length] = '\0';
	}
	return false;
}

static void add_known(const struct option *group, struct strbuf *message)
{
	size_t begun = message->length;

	strbuf_add(message, "; known here:");
	for (const struct option *option = group->first; option != NULL; option = option->next) {
		if (message->length - begun > KNOWN_SHOWN_MAX) {
			strbuf_add(message, ", ...");
			break;
		}
		strbuf_addf(message, "%s %s", option == group->first ? "" : ",", option->name);
	}
}

static void unknown(struct binder *binder, const struct option *group, const struct node *node, struct scope scope)
{
	char memory[WRONG_MAX], elsewhere_memory[CONFIG_PATH_MAX];
	struct strbuf message, elsewhere;
	const char *near = nearest_name(node->name, nth_name, group);

	strbuf_open(&message, memory, sizeof(memory));
	strbuf_open(&elsewhere, elsewhere_memory, sizeof(elsewhere_memory));
	strbuf_addf(&message, "unknown %s", node->type == NODE_GROUP ? "group" : "option");
	if (near != NULL)
		strbuf_addf(&message, "; the nearest known one is %s", path_to(binder, scope.path, near));
	else if (find_elsewhere(binder->config->options, node->name, &elsewhere))
		strbuf_addf(&message, "; there is %s", elsewhere_memory);
	else
		add_known(group, &message);
	problem(binder, node, path_to(binder, scope.path, node->name), NULL, memory);
}

static void keep_value(struct binder *binder, struct value value)
{
	struct config *config = binder->config;

	if (binder->fallback_of != NULL)
		value.node = NULL;
	if (config->n_values == config->values_size) {
		config->values_size = config->values_size > 0 ? 2 * config->values_size : 256;
		config->values = memory_grow(config->values, config->values_size * sizeof(*config->values));
	}
	config->values[config->n_values++] = value;
}

static void bind_element(struct binder *binder, const struct option *option, const struct node *node, void *address,
                         const struct node *owner, const char *path)
{
	char memory[WRONG_MAX];
	struct strbuf wrong;

	strbuf_open(&wrong, memory, sizeof(memory));
	if (option->row->type != CONFIG_LIST) {
		if (!value_read_element(&binder->config->arena, option->row, node, address, &wrong))
			problem(binder, node, path, option->row, memory);
	} else if (node->type != NODE_GROUP) {
		problem(binder, node, path, option->row, "must be a group: { ... }");
	} else {
		bind_group(binder, option->element, node,
		           (struct scope){ path, address, binder->fallback_of != NULL ? owner : node });
	}
}

static void bind_array(struct binder *binder, const struct option *option, const struct node *node, struct scope scope,
                       const char *path)
{
	const struct config_row *row = option->row;
	struct config_array *array = option_address(option, scope.element);
	size_t size = value_element_size(row);
	bool limited = row->min != 0 || row->max != 0;
	char memory[WRONG_MAX];
	struct strbuf wrong;
	const struct node *child;

	strbuf_open(&wrong, memory, sizeof(memory));
	value_add_wanted(row, &wrong);
	if (node->type != NODE_ARRAY && node->type != NODE_LIST) {
		problem(binder, node, path, row, memory);
		return;
	}
	if (limited && ((long)node->n_children < row->min || (long)node->n_children > row->max))
		problem(binder, node, path, row, memory);
	array->n = node->n_children;
	array->items = array->n > 0 ? arena_alloc(&binder->config->arena, array->n * size) : NULL;
	child = node->first;
	for (size_t i = 0; i < array->n; i++, child = child->next) {
		char *address = (char *)array->items + i * size;
		const char *element = path_to_element(binder, path, i);

		keep_value(binder, (struct value){
					   .kind = row->type == CONFIG_LIST      ? VALUE_ELEMENT
		                                   : row->type == CONFIG_STRINGS ? VALUE_STRING
		                                                                 : VALUE_NETWORK,
					   .address = address,
					   .row = row,
					   .path = element,
					   .node = child,
					   .owner = scope.owner,
				   });
		bind_element(binder, option, child, address, scope.owner, element);
	}
}

static void bind_node(struct binder *binder, const struct option *option, const struct node *node, struct scope scope,
                      const char *path)
{
	const struct config_row *row = option->row;
	char memory[WRONG_MAX];
	struct strbuf wrong;

	keep_value(binder, (struct value){
				   .kind = VALUE_OPTION,
				   .address = option_address(option, scope.element),
				   .row = row,
				   .path = path,
				   .node = node,
				   .owner = scope.owner,
			   });
	if (row->type == CONFIG_STRINGS || row->type == CONFIG_NETWORKS || row->type == CONFIG_LIST) {
		bind_array(binder, option, node, scope, path);
		return;
	}
	strbuf_open(&wrong, memory, sizeof(memory));
	if (!value_read(&binder->config->arena, row, node, option_address(option, scope.element), &wrong))
		problem(binder, node, path, row, memory);
}

/* Never stays silent: a default that is not right is a mistake in the program. */
static void bind_fallback(struct binder *binder, const struct option *option, struct scope scope, const char *path)
{
	struct binder inner = { .config = binder->config, .problems = binder->problems, .fallback_of = option->row };
	struct arena *arena = &binder->config->arena;
	size_t size = strlen(option->row->fallback) + sizeof("value = ;");
	char *text = arena_alloc(arena, size);
	struct err err = { "" };
	struct node *root;

	snprintf(text, size, "value = %s;", option->row->fallback);
	root = tree_read_text(arena, text, &err);
	if (root == NULL || root->n_children != 1) {
		log_error("config: the default %s of %s (%s) cannot be read: %s", option->row->fallback,
		          option->row->name, path, err.text);
		abort();
	}
	bind_node(&inner, option, root->first, scope, path);
}

static void missing(struct binder *binder, const struct option *option, struct scope scope, const char *path)
{
	/* Files have no end of their own here: what is missing in none of the elements is named last. */
	struct node nowhere = { .order = SIZE_MAX };
	const struct node *node = scope.owner != NULL ? scope.owner : &nowhere;
	char memory[WRONG_MAX];
	struct strbuf message;

	strbuf_open(&message, memory, sizeof(memory));
	strbuf_add(&message, "is missing; it ");
	value_add_wanted(option->row, &message);
	nowhere.place.file = binder->config->file;
	problem(binder, node, path, NULL, memory);
}

static void bind_option(struct binder *binder, const struct option *option, const struct node *node, struct scope scope)
{
	const char *path = path_to(binder, scope.path, option->name);

	if (option->row == NULL) {
		if (node != NULL && node->type != NODE_GROUP) {
			problem(binder, node, path, NULL, "is a group: it must be { ... }");
			node = NULL;
		}
		bind_group(binder, option, node, (struct scope){ path, scope.element, scope.owner });
	} else if (node != NULL) {
		bind_node(binder, option, node, scope, path);
	} else if (option->row->fallback != NULL) {
		bind_fallback(binder, option, scope, path);
	} else {
		missing(binder, option, scope, path);
	}
}

/* The depth is bounded by the schema. `node` is NULL where the group is not written at all. */
static void bind_group(struct binder *binder, const struct option *group, const struct node *node, struct scope scope)
{
	for (const struct node *child = node != NULL ? node->first : NULL; child != NULL; child = child->next) {
		if (options_find(group, child->name) == NULL)
			unknown(binder, group, child, scope);
	}
	for (const struct option *option = group->first; option != NULL; option = option->next)
		bind_option(binder, option, node != NULL ? tree_find(node, option->name) : NULL, scope);
}

void config_bind(struct config *config, const struct node *root, struct problems *problems)
{
	struct binder binder = { .config = config, .problems = problems };

	bind_group(&binder, config->options, root, (struct scope){ "", NULL, NULL });
}
