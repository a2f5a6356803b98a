/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json - a JSON text built member by member (RFC 8259); its file is the only one that includes jansson's header.
 *
 * Threads: a node belongs to its caller.
 * Owns: the root owns everything below it. A key is NULL where the parent is a list. Out of memory ends the process.
 */
#ifndef MAILREEVE_TOOLS_JSON_H
#define MAILREEVE_TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_node; /* an object or a list */

/* The root: an object. */
struct json_node *json_node_open(void);
void json_node_close(struct json_node **root);

struct json_node *json_node_add_object(struct json_node *parent, const char *key);
struct json_node *json_node_add_list(struct json_node *parent, const char *key);

/* Any text: what is not UTF-8 is written with every octet that is not printable ASCII as \xHH. NULL is "". */
void json_node_add_text(struct json_node *parent, const char *key, const char *text);
/* What JSON readers cannot hold exactly (above 2^53) is written as 2^53. */
void json_node_add_number(struct json_node *parent, const char *key, uint64_t number);
void json_node_add_bool(struct json_node *parent, const char *key, bool value);
void json_node_add_null(struct json_node *parent, const char *key);

/*
 * Print it, ASCII only, indented, in the order in which it was built, and end the line. 0, or -1: it cannot be
 * written.
 */
int json_node_print(const struct json_node *root, FILE *out);

#endif
