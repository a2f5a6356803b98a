/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lists - the clients and the messages of a run.
 *
 * Threads: filled once, then read. Own everything they point to.
 */
#ifndef MAILREEVE_LOAD_LISTS_H
#define MAILREEVE_LOAD_LISTS_H

#include <stddef.h>

#include "base/err.h"

struct load_client {
	char *address; /* text as Postfix shows it to a filter: "203.0.113.7", "IPv6:2001:db8::7" */
	char *name;    /* "unknown": none */
	char *helo, *sender;
	char family; /* '4' or '6' */
};

struct load_field {
	char *name, *value; /* value with the octets behind the colon; folded with \n */
};

struct load_message {
	struct load_field *fields;
	size_t n_fields;
	char *body; /* lines end in CRLF */
	size_t body_octets;
};

struct load_lists {
	struct load_client *clients;
	size_t n_clients;
	struct load_message *messages;
	size_t n_messages;
};

/*
 * A client for each line of the file: ADDRESS [NAME [HELO [SENDER]]], with spaces or tabs between; "-" or nothing: the
 * default. Empty lines and those that begin with # are none. Returns 0, or -1 with file and line.
 */
int load_lists_add_clients(struct load_lists *lists, const char *path, struct err *err);

/* One line of it, in place. Returns 0, or -1: the address is none. */
int load_lists_add_client(struct load_lists *lists, char *line, struct err *err);

/* A message file: a header and a body, with LF or CRLF. Returns 0, or -1. */
int load_lists_add_message(struct load_lists *lists, const char *path, struct err *err);

/* The same from memory. */
int load_lists_add_text(struct load_lists *lists, const char *text, size_t octets, struct err *err);

/* Where nothing was added: 254 clients of 203.0.113.0/24 and a message of a few lines. */
void load_lists_complete(struct load_lists *lists);

void load_lists_close(struct load_lists *lists);

#endif
