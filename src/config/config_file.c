/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_file - the adaptor to libconfig: its parser reads the text, its tree becomes ours.
 */
#include <libconfig.h>
#include <string.h>

#include "base/strbuf.h"
#include "config/config_tree.h"

#define PATH_SHOWN_MAX 200

static const struct {
	const char *text; /* libconfig's */
	const char *hint;
} hints[] = {
	{ "syntax error", "look there and in the line above for a missing quote, bracket or \"=\", a word without "
	                  "quotes, a doubled \";\", or a comma "
	                  "after the last element" },
	{ "duplicate setting name", "an option or group may stand only once in its group" },
	{ "mismatched element type in array", "all elements in [ ] must be of one kind: strings, or numbers" },
	{ "memory exhausted", "it is nested too deeply" },
};

static const char *hint_of(const char *text)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strcmp(hints[i].text, text) == 0)
			return hints[i].hint;
	}
	return "this is not libconfig syntax";
}

static void syntax_fault(const config_t *parsed, const struct source *source, struct err *err)
{
	const char *text = config_error_text(parsed) != NULL ? config_error_text(parsed) : "syntax error";
	size_t line = config_error_line(parsed) > 0 ? (size_t)config_error_line(parsed) : 1;
	struct source_place place = source_place(source, line);
	bool duplicate = strcmp(text, "duplicate setting name") == 0;
	char file_memory[512], path_memory[PATH_SHOWN_MAX];
	struct strbuf file, path;

	strbuf_open(&path, path_memory, sizeof(path_memory));
	if (place.file == NULL) { /* an override: its name is known, and its inside is the caller's */
		err_set(err, "%s: %s", text, hint_of(text));
		return;
	}
	source_add_path(source, line, &path);
	strbuf_open(&file, file_memory, sizeof(file_memory));
	strbuf_add_clean(&file, place.file, NULL, 400);
	err_set(err, "%s:%d: %s%s%s: %s", file_memory, place.line, text,
	        path.length == 0 ? ""
	        : duplicate      ? ": "
	                         : " near ",
	        path_memory, hint_of(text));
}

struct conversion {
	struct arena *arena;
	const struct source *source;
	size_t literal; /* the next one */
	size_t order;
};

static enum node_type node_type_of(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		return NODE_BOOL;
	case CONFIG_TYPE_STRING:
		return NODE_STRING;
	case CONFIG_TYPE_GROUP:
		return NODE_GROUP;
	case CONFIG_TYPE_ARRAY:
		return NODE_ARRAY;
	case CONFIG_TYPE_LIST:
		return NODE_LIST;
	default:
		return NODE_NUMBER;
	}
}

/* The literal that stands for this value in the text; NULL when the text and libconfig disagree. */
static const struct source_literal *take_literal(struct conversion *conversion, enum node_type type)
{
	const struct source_literal *literal = &conversion->source->literals[conversion->literal];

	if (conversion->literal == conversion->source->n_literals || (literal->number == NULL) != (type == NODE_STRING))
		return NULL;
	conversion->literal++;
	return literal;
}

/* The depth is bounded: SOURCE_GROUP_DEPTH_MAX. */
static int convert(struct conversion *conversion, const config_setting_t *setting, struct node *node)
{
	const struct source_literal *literal;

	node->place = source_place(conversion->source, config_setting_source_line(setting));
	node->order = conversion->order++;
	if (node->type == NODE_BOOL) {
		node->truth = config_setting_get_bool(setting) != 0;
		node->text = node->truth ? "true" : "false";
		return 0;
	}
	if (node->type == NODE_NUMBER || node->type == NODE_STRING) {
		literal = take_literal(conversion, node->type);
		if (literal == NULL)
			return -1;
		node->text = literal->number;
		if (node->type == NODE_STRING)
			node->text = arena_strdup(conversion->arena, config_setting_get_string(setting));
		if (node->text == NULL)
			node->text = "";
		if (node->name == NULL) /* libconfig gives an element the line of the word behind it */
			node->place = literal->place;
		return 0;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, (unsigned int)i);

		if (convert(conversion, member,
		            tree_add(conversion->arena, node, node_type_of(member), config_setting_name(member))) < 0)
			return -1;
	}
	return 0;
}

static struct node *read_source(struct arena *arena, const struct source *source, struct err *err)
{
	struct conversion conversion = { .arena = arena, .source = source, .order = 1 };
	struct node *root = NULL;
	config_t parsed;

	config_init(&parsed);
	if (config_read_string(&parsed, source->text) != CONFIG_TRUE) {
		syntax_fault(&parsed, source, err);
	} else {
		root = tree_add(arena, NULL, NODE_GROUP, NULL);
		if (convert(&conversion, config_root_setting(&parsed), root) < 0) {
			err_set(err, "the configuration cannot be understood: libconfig reads its numbers and strings "
			             "otherwise than mailreeve");
			root = NULL;
		}
	}
	config_destroy(&parsed);
	return root;
}

struct node *tree_read_file(struct arena *arena, const char *file, struct err *err)
{
	struct source source;
	struct node *root = source_read_file(&source, arena, file, err) < 0 ? NULL : read_source(arena, &source, err);

	source_close(&source);
	return root;
}

struct node *tree_read_text(struct arena *arena, const char *text, struct err *err)
{
	struct source source;
	struct node *root = source_read_text(&source, arena, text, err) < 0 ? NULL : read_source(arena, &source, err);

	source_close(&source);
	return root;
}
