/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_private - what the files of config/ share: the options as a tree, the values that were filled, the problems
 * found.
 *
 * Threads: as config.h says. Owns: everything lives in the configuration's arena, except the two growing arrays.
 */
#ifndef MAILREEVE_CONFIG_CONFIG_PRIVATE_H
#define MAILREEVE_CONFIG_CONFIG_PRIVATE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "config/config_tree.h"

#define CONFIG_PATH_MAX        256
#define CONFIG_VALUE_SHOWN_MAX 80
#define CONFIG_PLACE_SHOWN_MAX 400

/* The options of all sections as one tree: the rows of equally named groups are united. */
struct option {
	const char *name;
	const char *help;             /* of a group; may be NULL */
	const struct config_row *row; /* NULL: a group */
	char *into;             /* struct of the row's section; NULL for an element's rows: each element has its own */
	struct option *element; /* CONFIG_LIST: the group of an element's options */
	struct option *first, *last, *next;
};

struct option *options_open(struct arena *arena, const struct config_section *sections, size_t n_sections);
struct option *options_find(const struct option *group, const char *name);

static inline void *option_address(const struct option *option, void *element)
{
	return (option->into != NULL ? option->into : (char *)element) + option->row->offset;
}

enum value_kind {
	VALUE_OPTION,
	VALUE_STRING,  /* an element of CONFIG_STRINGS */
	VALUE_NETWORK, /* of CONFIG_NETWORKS */
	VALUE_ELEMENT, /* of CONFIG_LIST; after VALUE_OPTION: its first option may have the same address */
};

/* A value that was filled: where it stands, what it is called, where it came from. */
struct value {
	enum value_kind kind;
	const void *address;
	const struct config_row *row; /* of the option; of an element: of its list */
	const char *path;
	const struct node *node;  /* NULL: default */
	const struct node *owner; /* the element of a list it belongs to; NULL: none */
};

struct warning {
	struct warning *next;
	const char *text;
};

struct config {
	struct arena arena;
	struct option *options;
	const char *file;     /* NULL: none */
	struct value *values; /* sorted by address and kind after config_open() */
	size_t n_values, values_size;
	struct warning *warnings, *last_warning;
};

struct problem {
	size_t order;
	const char *text;
};

struct problems {
	struct problem *items;
	size_t n, size;
};

/* Fill every option from the tree. */
void config_bind(struct config *config, const struct node *root, struct problems *problems);

void problems_add(struct config *config, struct problems *problems, size_t order, const char *text);

/* Read a scalar of the row's type into `address`. False: `wrong` says what would be right ("must be ..."). */
bool value_read(struct arena *arena, const struct config_row *row, const struct node *node, void *address,
                struct strbuf *wrong);
/* The same for one element of a CONFIG_STRINGS (const char *) or CONFIG_NETWORKS (struct net) array. */
bool value_read_element(struct arena *arena, const struct config_row *row, const struct node *node, void *address,
                        struct strbuf *wrong);
size_t value_element_size(const struct config_row *row);

/* What a row wants, in words: "must be ...". */
void value_add_wanted(const struct config_row *row, struct strbuf *wrong);

/* The value as it was written, or that it is secret; cut at CONFIG_VALUE_SHOWN_MAX. */
void value_add_written(const struct config_row *row, const struct node *node, struct strbuf *text);

/* A scalar (or STRINGS, NETWORKS) in libconfig's syntax. `open`: as it is, else with secrets and keys masked. */
void value_write(const struct config_row *row, const void *address, bool open, FILE *out);
void value_write_string(const char *text, FILE *out);

/* Whether the row is a zone name, which may contain an access key. */
bool value_is_zone(const struct config_row *row);

/* Whether it is one with an access key in it, which is masked where the value is shown. */
bool value_is_keyed_zone(const struct config_row *row, const void *address);

/* "FILE:LINE", "-o" or "default". */
void config_add_origin(const struct node *node, struct strbuf *text);

/*
 * "FILE:LINE: PATH = VALUE", or "-o PATH=VALUE", or "-o OVERRIDE: PATH = VALUE" for what lies within an override. With
 * row NULL the value is not shown.
 */
void config_add_place(const struct node *node, const char *path, const struct config_row *row, struct strbuf *text);

/* The value at this address, fields before elements; NULL: unknown. */
const struct value *config_value_at(const struct config *config, const void *address, enum value_kind from_kind);

#endif
