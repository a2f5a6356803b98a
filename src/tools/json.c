/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"

#define NUMBER_MAX    (UINT64_C(1) << 53)
#define ESCAPE_OCTETS 4 /* \xHH */

static struct json_node *node_of(json_t *value)
{
	return (struct json_node *)value;
}

static json_t *value_of(struct json_node *node)
{
	return (json_t *)node;
}

/* The parent takes `value` over. Keys are ours, and memory never runs out: so this cannot fail. */
static void add(struct json_node *parent, const char *key, json_t *value)
{
	if (key)
		json_object_set_new(value_of(parent), key, value);
	else
		json_array_append_new(value_of(parent), value);
}

struct json_node *json_node_open(void)
{
	json_set_alloc_funcs(memory_new, free);
	return node_of(json_object());
}

void json_node_close(struct json_node **root)
{
	json_decref(value_of(*root));
	*root = NULL;
}

struct json_node *json_node_add_object(struct json_node *parent, const char *key)
{
	json_t *value = json_object();

	add(parent, key, value);
	return node_of(value);
}

struct json_node *json_node_add_list(struct json_node *parent, const char *key)
{
	json_t *value = json_array();

	add(parent, key, value);
	return node_of(value);
}

static json_t *clean_text(const char *text)
{
	size_t octets = ESCAPE_OCTETS * strlen(text) + 1;
	char *clean = memory_new(octets);
	struct strbuf buf;
	json_t *value;

	strbuf_open(&buf, clean, octets);
	strbuf_add_clean(&buf, text, NULL, octets - 1);
	value = json_string(clean);
	free(clean);
	return value;
}

void json_node_add_text(struct json_node *parent, const char *key, const char *text)
{
	const char *given = text ? text : "";
	json_t *value = json_string(given);

	add(parent, key, value ? value : clean_text(given));
}

void json_node_add_number(struct json_node *parent, const char *key, uint64_t number)
{
	add(parent, key, json_integer((json_int_t)(number < NUMBER_MAX ? number : NUMBER_MAX)));
}

void json_node_add_bool(struct json_node *parent, const char *key, bool value)
{
	add(parent, key, json_boolean(value));
}

void json_node_add_null(struct json_node *parent, const char *key)
{
	add(parent, key, json_null());
}

/* The library escapes what RFC 8259 demands; DEL may stand as it is, but a terminal should not get it. */
static int write_printable(const char *octets, size_t length, void *out)
{
	for (size_t i = 0; i < length; i++) {
		const int done = octets[i] == 0x7f ? fputs("\\u007f", out) : fputc(octets[i], out);
		if (done == EOF)
			return -1;
	}
	return 0;
}

int json_node_print(const struct json_node *root, FILE *out)
{
	if (json_dump_callback((const json_t *)root, write_printable, out, JSON_INDENT(2) | JSON_ENSURE_ASCII))
		return -1;
	return fputc('\n', out) == EOF ? -1 : 0;
}
