/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_tree - what was written in the configuration, before anybody asked whether it makes sense.
 *
 * Threads: belongs to its caller. Owns: everything lives in the arena.
 */
#ifndef MAILREEVE_CONFIG_CONFIG_TREE_H
#define MAILREEVE_CONFIG_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config_source.h"

enum node_type { NODE_BOOL, NODE_NUMBER, NODE_STRING, NODE_GROUP, NODE_ARRAY, NODE_LIST };

struct node {
	enum node_type type;
	const char *name;                 /* NULL: an element */
	struct source_place place;        /* file NULL: from an override, or a default */
	const char *override;             /* "PATH=VALUE" as it was given with -o; NULL: from a file, or a default */
	const char *text;                 /* string; number as written; override: any scalar as written */
	bool truth;                       /* boolean */
	bool bare;                        /* an override without quotes: stands for a string where one is wanted */
	size_t order;                     /* sorts errors */
	struct node *first, *last, *next; /* children; the next of the same parent */
	size_t n_children;
};

/* The file's (the text's) outermost group. NULL with err. */
struct node *tree_read_file(struct arena *arena, const char *file, struct err *err);
struct node *tree_read_text(struct arena *arena, const char *text, struct err *err);

struct node *tree_add(struct arena *arena, struct node *parent, enum node_type type, const char *name);
struct node *tree_find(const struct node *group, const char *name);

/*
 * Put an override "PATH=VALUE" into the tree, over what is there. `order` is that of its nodes. -1 with err: it has no
 * path, or no value can be read.
 */
int tree_override(struct arena *arena, struct node *root, const char *override, size_t order, struct err *err);

#endif
