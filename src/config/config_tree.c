/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config_tree.h"

#include <string.h>

#define PATH_OCTETS_MAX  256
#define VALUE_OCTETS_MAX 65536

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char name_starts[] = LETTERS "*";
static const char name_octets[] = LETTERS "*0123456789-_";
static const char path_octets[] = LETTERS "*0123456789-_.";

struct node *tree_add(struct arena *arena, struct node *parent, enum node_type type, const char *name)
{
	struct node *node = arena_alloc(arena, sizeof(*node));

	node->type = type;
	node->name = arena_strdup(arena, name);
	if (parent == NULL)
		return node;
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n_children++;
	return node;
}

struct node *tree_find(const struct node *group, const char *name)
{
	for (struct node *node = group->first; node != NULL; node = node->next) {
		if (node->name != NULL && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

static void mark(struct node *node, const char *override, size_t order)
{
	node->override = override;
	node->place = (struct source_place){ NULL, 0 };
	node->order = order;
	for (struct node *child = node->first; child != NULL; child = child->next)
		mark(child, override, order);
}

/* A group is laid over the group that is there, option by option; anything else replaces it. */
static void lay_over(struct arena *arena, struct node *group, const char *name, const struct node *value)
{
	struct node *there = tree_find(group, name);
	struct node kept;

	if (there == NULL)
		there = tree_add(arena, group, value->type, name);
	else if (there->type == NODE_GROUP && value->type == NODE_GROUP) {
		for (const struct node *child = value->first; child != NULL; child = child->next)
			lay_over(arena, there, child->name, child);
		return;
	}
	kept = *there;
	*there = *value;
	there->name = kept.name;
	there->next = kept.next;
}

/* A value that libconfig does not read stands for itself when it could not have been meant as anything else. */
static bool is_plain(const char *value)
{
	for (const char *at = value; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f || strchr("\"(){}[];", *at) != NULL)
			return false;
	}
	return true;
}

static struct node *read_value(struct arena *arena, const char *value, struct err *err)
{
	static const char before[] = "value = ", after[] = "\n;";
	size_t length = strlen(value);
	char *text = arena_alloc(arena, sizeof(before) + length + sizeof(after));
	struct node *root, *node;

	memcpy(text, before, sizeof(before));
	memcpy(text + strlen(before), value, length + 1);
	memcpy(text + strlen(before) + length, after, sizeof(after));
	root = tree_read_text(arena, text, err);
	if (root != NULL && root->n_children == 1) {
		node = root->first;
		node->bare = node->type == NODE_BOOL || node->type == NODE_NUMBER;
	} else if (is_plain(value)) {
		node = tree_add(arena, NULL, NODE_STRING, NULL);
		node->text = value;
		node->bare = true;
	} else {
		if (root != NULL)
			err_set(err, "there is more than one value");
		return NULL;
	}
	if (node->bare)
		node->text = value;
	return node;
}

static char *trimmed(struct arena *arena, const char *text, size_t length)
{
	static const char space[] = " \t\r\n";

	for (; length > 0 && strchr(space, *text) != NULL; length--)
		text++;
	for (; length > 0 && strchr(space, text[length - 1]) != NULL; length--)
		;
	return arena_copy(arena, text, length);
}

/* Cut the next name off a path; NULL when it is not a name. */
static char *next_name(char **path)
{
	char *name = *path;
	size_t length = strspn(name, name_octets);

	if (length == 0 || strchr(name_starts, name[0]) == NULL || (name[length] != '.' && name[length] != '\0'))
		return NULL;
	*path = name[length] == '.' ? name + length + 1 : NULL;
	name[length] = '\0';
	return name;
}

static int no_path(const char *override, struct err *err)
{
	char memory[160];
	struct strbuf shown;
	size_t length = strcspn(override, "=");
	char path[PATH_OCTETS_MAX];

	/* Never the value: it may be a secret. */
	length = length < sizeof(path) ? length : sizeof(path) - 1;
	memcpy(path, override, length);
	path[length] = '\0';
	strbuf_open(&shown, memory, sizeof(memory));
	strbuf_add_clean(&shown, path, NULL, 120);
	return err_set(err,
	               "-o %s: must be OPTION=VALUE, such as policy.reject=8.0 (one element of a list cannot be set "
	               "alone: give the whole list)",
	               memory);
}

/* The group that holds the option, made where it is not there yet; `rest` becomes the option's name. */
static struct node *open_groups(struct arena *arena, struct node *root, const char *override, size_t order, char **rest)
{
	struct node *group = root, *child;
	char *name;

	while ((name = next_name(rest)) != NULL && *rest != NULL) {
		child = tree_find(group, name);
		if (child == NULL) {
			child = tree_add(arena, group, NODE_GROUP, name);
			mark(child, override, order);
		}
		if (child->type != NODE_GROUP)
			return NULL;
		group = child;
	}
	*rest = name;
	return name != NULL ? group : NULL;
}

int tree_override(struct arena *arena, struct node *root, const char *override, size_t order, struct err *err)
{
	size_t length = strcspn(override, "=");
	char *path = trimmed(arena, override, length < PATH_OCTETS_MAX ? length : PATH_OCTETS_MAX), *rest = path;
	const char *whole = arena_strdup(arena, path), *kept = arena_strdup(arena, override);
	struct node *group, *value;
	struct err why = { "" };

	if (override[length] != '=' || length >= PATH_OCTETS_MAX || strspn(path, name_octets) == 0 ||
	    path[strspn(path, path_octets)] != '\0')
		return no_path(override, err);
	if (strlen(override) > VALUE_OCTETS_MAX)
		return err_set(err, "-o %s: the value is too long; it may have 64 KiB", whole);
	group = open_groups(arena, root, kept, order, &rest);
	if (group == NULL && rest == NULL)
		return no_path(override, err);
	if (group == NULL)
		return err_set(err, "-o %s: what should contain it is not a group; give that option's value as a whole",
		               whole);
	value = read_value(arena, trimmed(arena, override + length + 1, strlen(override + length + 1)), &why);
	if (value == NULL)
		return err_set(err, "-o %s: the value is neither libconfig syntax nor a plain word (%s)", whole,
		               why.text);
	mark(value, kept, order);
	lay_over(arena, group, rest, value);
	return 0;
}
