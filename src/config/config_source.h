/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_source - the text of the configuration: files read, @include carried out, every line's origin kept.
 *
 * libconfig 1.5 ends the process when it is given a directory, cuts numbers that do not fit and forgets how a number
 * was written. So the files are read and looked through here first, and libconfig gets one text that can do no harm.
 *
 * Threads: belongs to its caller. Owns: the text, until source_close(); everything else lives in the arena.
 */
#ifndef MAILREEVE_CONFIG_CONFIG_SOURCE_H
#define MAILREEVE_CONFIG_CONFIG_SOURCE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

#define SOURCE_OCTETS_MAX        (1024 * 1024) /* all files together */
#define SOURCE_FILES_MAX         256
#define SOURCE_INCLUDE_DEPTH_MAX 10
#define SOURCE_GROUP_DEPTH_MAX   32    /* groups and lists within each other */
#define SOURCE_NAMES_MAX         20000 /* libconfig compares each name of a group with each other */

struct source_place {
	const char *file; /* NULL: the text did not come from a file */
	int line;
};

/* A number or a string as it stands in the text, in order. */
struct source_literal {
	const char *number; /* NULL: a string (several in a row are one) */
	struct source_place place;
};

struct source {
	char *text;
	size_t length;
	struct source_place *places; /* of each line of the text */
	size_t n_lines;
	struct source_literal *literals;
	size_t n_literals;
};

/*
 * Read a file and all that it includes (relative names: from the including file's directory). 0, or -1 with err;
 * source_close() in both cases.
 */
int source_read_file(struct source *source, struct arena *arena, const char *file, struct err *err);

/* The same for a text of our own or of the command line; it cannot include files. */
int source_read_text(struct source *source, struct arena *arena, const char *text, struct err *err);

/* Give the text back: room for SOURCE_OCTETS_MAX, which nobody needs once it is parsed. */
void source_close(struct source *source);

/* Where line `line` (from 1) of the text came from. */
struct source_place source_place(const struct source *source, size_t line);

/* Add the path of the option or element that began last up to the end of line `line`; nothing when there is none. */
void source_add_path(const struct source *source, size_t line, struct strbuf *path);

#endif
