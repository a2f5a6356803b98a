/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message - fuzz targets: header fields and MIME structure of a message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/format_fields.h"
#include "fuzz.h"
#include "headers/header_text.h"
#include "headers/headers.h"
#include "mail/content_type.h"
#include "mail/lines.h"
#include "mail/mime.h"

#define ID_OCTETS_MAX 253
#define NAMES_SIZE    512

/* A name up to the colon, and what follows; "\x01" stands for a folded line's end, as a line is a field here. */
static char *next_field(struct fuzz_input *input, char **value)
{
	char *name = fuzz_line(input), *colon = strchr(name, ':');

	for (char *c = name; *c; c++)
		if (*c == '\x01')
			*c = '\n';
	*value = memory_strdup(colon ? colon + 1 : "");
	if (colon)
		*colon = '\0';
	return name;
}

/* ---- what is removed: a line is the authserv-id, then a line a field ---- */

/* In the order in which both MTAs must be told, and each a field that is there. */
static void check_removals(const struct header_scan *scan, size_t n_fields)
{
	struct header_cursor cursor = { 0 };
	char before[HEADER_NAME_MAX] = "";
	unsigned index, last = 0;
	const char *name;
	size_t n = 0;

	while (header_scan_next(scan, &cursor, &name, &index)) {
		FUZZ_CHECK(*name && strlen(name) < HEADER_NAME_MAX && !strpbrk(name, ": \t"));
		FUZZ_CHECK(index >= 1 && index <= n_fields);
		FUZZ_CHECK(strcmp(name, before) != 0 || index < last);
		snprintf(before, sizeof(before), "%s", name);
		last = index;
		FUZZ_CHECK(++n <= n_fields);
	}
}

/* A field of ours, whatever our id, would be known for ours. */
static void check_own(const char *id)
{
	char memory[2048];
	struct strbuf value;

	if (!*id || strlen(id) > ID_OCTETS_MAX || !fuzz_is_printable(id))
		return;
	strbuf_open(&value, memory, sizeof(memory));
	header_add_quoted(&value, id, sizeof(memory));
	strbuf_add(&value, "; none");
	FUZZ_CHECK(authres_claims(memory, id));
}

void fuzz_authres(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *id = fuzz_line(&input);
	struct headers_settings settings = { .authserv_id = id, .authentication_results = true, .strip_x_spam = true };
	struct arena arena;
	size_t n = 0;

	arena_open(&arena, NULL);
	struct header_scan *scan = header_scan_open(&settings, id, &arena);
	for (; input.left > 0; n++) {
		char *value, *name = next_field(&input, &value);
		header_scan_field(scan, name, value);
		(void)authres_claims(value, id);
		free(name);
		free(value);
	}
	check_removals(scan, n);
	check_own(id);
	arena_close(&arena);
	free(id);
}

/* ---- hostile text in what we write ---- */

/* A quoted-string as RFC 5322 has it, and nothing behind it. */
static bool is_quoted_string(const char *text)
{
	if (*text++ != '"')
		return false;
	while (*text && *text != '"')
		text += *text == '\\' && text[1] ? 2 : 1;
	return text[0] == '"' && text[1] == '\0';
}

/* What may stand between the parentheses of a comment: nothing that ends it. */
static bool is_comment_text(const char *text)
{
	int depth = 0;

	for (; *text && depth >= 0; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '\\')
			return false;
		else if (*text == '(' || *text == ')')
			depth += *text == '(' ? 1 : -1;
	}
	return depth == 0;
}

void fuzz_header_text(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const size_t max = sizeof("...") + (size_t)fuzz_octet(&input), size = 2048;
	char *text = fuzz_rest(&input), *memory = memory_new(size);
	struct strbuf buf;

	strbuf_open(&buf, memory, size);
	header_add_quoted(&buf, text, max);
	FUZZ_CHECK(fuzz_is_printable(memory) && is_quoted_string(memory) && strlen(memory) <= max + 2);
	strbuf_open(&buf, memory, size);
	header_add_comment(&buf, text, max);
	FUZZ_CHECK(fuzz_is_printable(memory) && is_comment_text(memory) && strlen(memory) <= max);
	strbuf_open(&buf, memory, size);
	strbuf_add_clean(&buf, text, "\"", max);
	FUZZ_CHECK(fuzz_is_printable(memory) && !strchr(memory, '"') && strlen(memory) <= max);
	strbuf_open(&buf, memory, size);
	strbuf_add_quoted(&buf, text, max);
	FUZZ_CHECK(fuzz_is_printable(memory));
	if (header_is_dot_atom(text))
		FUZZ_CHECK(fuzz_is_printable(text) && !strpbrk(text, " ()<>@,;:\\\"[]"));
	free(memory);
	free(text);
}

/* ---- the fields that the check format reads ---- */

void fuzz_fields(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	struct format_fields *fields = memory_new(sizeof(*fields));
	char names[NAMES_SIZE];
	struct arena arena;
	unsigned known = 0;
	size_t n = 0;

	arena_open(&arena, NULL);
	format_fields_open(fields, fuzz_octet(&input) & 1, &arena);
	for (; input.left > 0; n++) {
		char *value, *name = next_field(&input, &value);
		format_fields_add(fields, name, value);
		free(name);
		free(value);
	}
	for (size_t i = 0; i < FIELDS; i++)
		known += fields->counts[i];
	FUZZ_CHECK(known <= n);
	FUZZ_CHECK(fields->octets <= 4 * (uint64_t)length + 4 * n);
	FUZZ_CHECK(fields->longest_line <= fields->octets);
	/* Memory is bounded whatever comes: texts are kept cut. */
	if (format_fields_duplicates(fields, names, sizeof(names)))
		FUZZ_CHECK(names[0] && fuzz_is_printable(names) && fuzz_is_terminated(names, sizeof(names)));
	arena_close(&arena);
	free(fields);
}

/* ---- MIME: an octet says how the body is cut, a line is the Content-Type, the body follows ---- */

struct seen {
	struct lines lines;
	struct mime_facts facts;
	bool over;
};

static void read_body(struct seen *seen, const struct content_type *type, const uint8_t *octets, size_t length,
                      size_t piece)
{
	struct arena arena;

	arena_open(&arena, NULL);
	struct mime *mime = mime_open(type, &arena);
	lines_open(&seen->lines);
	for (size_t at = 0; at < length; at += piece) {
		const size_t n = length - at < piece ? length - at : piece;
		uint8_t *copy = fuzz_copy(octets + at, n);
		lines_add(&seen->lines, copy, n);
		if (mime)
			mime_add(mime, copy, n);
		free(copy);
	}
	lines_end(&seen->lines);
	if (mime) {
		mime_end(mime);
		seen->facts = *mime_get_facts(mime);
		seen->over = mime_is_over(mime);
	}
	arena_close(&arena);
}

static void check_same(const struct seen *a, const struct seen *b)
{
	FUZZ_CHECK(a->lines.longest_octets == b->lines.longest_octets);
	FUZZ_CHECK(a->lines.bare_cr == b->lines.bare_cr && a->lines.bare_lf == b->lines.bare_lf);
	FUZZ_CHECK(a->lines.nul == b->lines.nul && a->lines.eight_bit == b->lines.eight_bit);
	FUZZ_CHECK(a->facts.no_boundary == b->facts.no_boundary && a->facts.unopened == b->facts.unopened);
	FUZZ_CHECK(a->facts.unclosed == b->facts.unclosed && a->facts.too_deep == b->facts.too_deep);
	FUZZ_CHECK(a->over == b->over);
}

/* Slow and plainly right, for what is easily said. */
static void check_octets(const struct lines *lines, const uint8_t *octets, size_t length)
{
	bool nul = false, eight_bit = false, bare_cr = false, bare_lf = false;

	for (size_t i = 0; i < length; i++) {
		nul |= octets[i] == '\0';
		eight_bit |= octets[i] > 127;
		bare_cr |= octets[i] == '\r' && (i + 1 == length || octets[i + 1] != '\n');
		bare_lf |= octets[i] == '\n' && (i == 0 || octets[i - 1] != '\r');
	}
	FUZZ_CHECK(lines->nul == nul && lines->eight_bit == eight_bit);
	FUZZ_CHECK(lines->bare_cr == bare_cr && lines->bare_lf == bare_lf);
}

static void check_type(const struct content_type *type)
{
	FUZZ_CHECK(type->boundary_octets <= BOUNDARY_OCTETS_MAX);
	FUZZ_CHECK(fuzz_is_terminated(type->boundary, sizeof(type->boundary)));
	if (type->boundary_state == BOUNDARY_FINE)
		FUZZ_CHECK(type->boundary_octets > 0 && strlen(type->boundary) == type->boundary_octets &&
		           fuzz_is_printable(type->boundary) && type->boundary[type->boundary_octets - 1] != ' ');
}

void fuzz_mime(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const size_t piece = 1 + (size_t)fuzz_octet(&input);
	char *value = fuzz_line(&input);
	struct seen whole = { .over = false }, cut = { .over = false }, single = { .over = false };
	struct content_type type;

	content_type_parse(&type, value, strlen(value));
	check_type(&type);
	read_body(&whole, &type, input.at, input.left, input.left + 1);
	read_body(&cut, &type, input.at, input.left, piece);
	read_body(&single, &type, input.at, input.left, 1);
	check_same(&whole, &cut);
	check_same(&whole, &single);
	check_octets(&whole.lines, input.at, input.left);
	free(value);
}
