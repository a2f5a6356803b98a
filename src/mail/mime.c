/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A body is searched for lines that begin with "--", sixteen octets at a time; everything else is passed over. Only
 * such lines, and those of a part's header, are kept as they come, cut at what is needed of them.
 */
#include "mail/mime.h"

#include <string.h>
#include <strings.h>

#include "mail/octets.h"

#define LINE_OCTETS_MAX 1000
#define FIELD_NAME      "Content-Type:"

_Static_assert(LINE_OCTETS_MAX >= BOUNDARY_OCTETS_MAX + 4, "a line that is kept holds a whole delimiter");

struct level {
	char boundary[BOUNDARY_OCTETS_MAX];
	size_t octets;
	bool opened;
};

enum reading {
	READING_BODY,   /* lines that do not begin with "--" are of no interest */
	READING_HEADER, /* of a part */
	READING_NOTHING,
};

struct mime {
	struct mime_facts facts;
	enum reading reading;
	bool in_line; /* a line is being kept; else one is passed over */
	char line[LINE_OCTETS_MAX];
	size_t line_octets;
	bool in_field; /* the lines that follow may go on with the field */
	char field[CONTENT_TYPE_OCTETS_MAX + 1];
	size_t field_octets;
	bool found_field; /* of this part */
	size_t depth;
	struct level levels[MIME_DEPTH_MAX];
};

/* ---- levels ---- */

static void push(struct mime *mime, const struct content_type *type)
{
	if (mime->depth == MIME_DEPTH_MAX) {
		mime->facts.too_deep = true;
		return;
	}
	struct level *level = &mime->levels[mime->depth++];
	level->opened = false;
	level->octets = type->boundary_octets;
	memcpy(level->boundary, type->boundary, type->boundary_octets);
}

/* The innermost one ends here: by its last line, or because something ends that it is in. */
static void pop(struct mime *mime, bool closed)
{
	const struct level *level = &mime->levels[--mime->depth];

	mime->facts.unopened |= !level->opened;
	mime->facts.unclosed |= level->opened && !closed;
}

/* The level whose delimiter the line is, the innermost of those with the longest boundary; -1: none. */
static int find_level(const struct mime *mime)
{
	const char *rest = mime->line + 2;
	int found = -1;
	size_t longest = 0;

	if (mime->line_octets < 2 || memcmp(mime->line, "--", 2) != 0)
		return -1;
	for (size_t i = 0; i < mime->depth; i++) {
		const struct level *level = &mime->levels[i];
		if (level->octets < longest || level->octets > mime->line_octets - 2 ||
		    memcmp(rest, level->boundary, level->octets) != 0)
			continue;
		found = (int)i;
		longest = level->octets;
	}
	return found;
}

/* Returns whether the line is a delimiter: whatever follows the boundary on it (RFC 2046 5.1.1). */
static bool take_delimiter(struct mime *mime)
{
	const int found = find_level(mime);

	if (found < 0)
		return false;
	while (mime->depth > (size_t)found + 1)
		pop(mime, false);
	struct level *level = &mime->levels[found];
	const size_t beyond = 2 + level->octets;
	if (mime->line_octets >= beyond + 2 && memcmp(mime->line + beyond, "--", 2) == 0) {
		/* Closed without a part: as empty as one that was never opened. */
		pop(mime, true);
		mime->reading = mime->depth > 0 ? READING_BODY : READING_NOTHING;
		return true;
	}
	level->opened = true;
	mime->reading = READING_HEADER;
	mime->in_field = mime->found_field = false;
	mime->field_octets = 0;
	return true;
}

/* ---- a part's header ---- */

static void keep_of_field(struct mime *mime, const char *text, size_t octets)
{
	/* One more than is read tells that there was more. */
	const size_t room = sizeof(mime->field) - mime->field_octets;
	const size_t n = octets < room ? octets : room;

	memcpy(mime->field + mime->field_octets, text, n);
	mime->field_octets += n;
}

static void end_of_header(struct mime *mime)
{
	struct content_type type;

	mime->reading = READING_BODY;
	if (!mime->found_field)
		return;
	content_type_parse(&type, mime->field, mime->field_octets);
	if (!type.multipart)
		return;
	if (type.boundary_state == BOUNDARY_FINE)
		push(mime, &type);
	else
		mime->facts.no_boundary = true;
}

static void take_header_line(struct mime *mime)
{
	const size_t name = sizeof(FIELD_NAME) - 1;
	const char *line = mime->line;

	if (mime->line_octets == 0) {
		end_of_header(mime);
		return;
	}
	if (line[0] == ' ' || line[0] == '\t') {
		if (mime->in_field)
			keep_of_field(mime, line, mime->line_octets);
		return;
	}
	mime->in_field = !mime->found_field && mime->line_octets >= name && strncasecmp(line, FIELD_NAME, name) == 0;
	if (!mime->in_field)
		return;
	mime->found_field = true;
	keep_of_field(mime, line + name, mime->line_octets - name);
}

/* ---- lines ---- */

static void end_of_line(struct mime *mime)
{
	mime->in_line = true;
	if (mime->line_octets > 0 && mime->line[mime->line_octets - 1] == '\r')
		mime->line_octets--;
	if (!take_delimiter(mime) && mime->reading == READING_HEADER)
		take_header_line(mime);
	mime->line_octets = 0;
}

/* Could what was kept of the line still make it one of interest? */
static bool may_matter(const struct mime *mime)
{
	return mime->reading == READING_HEADER ||
	       memcmp(mime->line, "--", mime->line_octets < 2 ? mime->line_octets : 2) == 0;
}

/* Keep the line, as far as it has come. Returns what follows. */
static const uint8_t *keep_line(struct mime *mime, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
	const size_t octets = (size_t)((lf != NULL ? lf : end) - at);
	const size_t room = sizeof(mime->line) - mime->line_octets;
	const size_t n = octets < room ? octets : room;

	memcpy(mime->line + mime->line_octets, at, n);
	mime->line_octets += n;
	if (lf == NULL) {
		mime->in_line = may_matter(mime);
		return end;
	}
	end_of_line(mime);
	return lf + 1;
}

/* The first line of [at, end) behind which "--" begins the next: where that begins. NULL: there is none. */
static const uint8_t *find_dashes(const uint8_t *at, const uint8_t *end)
{
	const octets16 lf = OCTETS16_ALL('\n'), dash = OCTETS16_ALL('-');

	for (; end - at >= OCTETS16 + 2; at += OCTETS16) {
		const octets16 hit = octets16_equal(octets16_load(at), lf) &
		                     octets16_equal(octets16_load(at + 1), dash) &
		                     octets16_equal(octets16_load(at + 2), dash);
		if (octets16_any(hit, 0xff))
			break;
	}
	for (; end - at >= 3; at++) {
		if (at[0] == '\n' && at[1] == '-' && at[2] == '-')
			return at + 1;
	}
	return NULL;
}

/* Pass over lines. Returns where one begins that is to be kept, or `end`. */
static const uint8_t *pass_over(struct mime *mime, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *found = find_dashes(at, end);

	/* A line that begins with the last two octets may go on with more of them. */
	if (found == NULL && end[-1] == '\n')
		found = end;
	else if (found == NULL && end - at >= 2 && end[-2] == '\n' && end[-1] == '-')
		found = end - 1;
	mime->in_line = found != NULL;
	mime->line_octets = 0;
	return found != NULL ? found : end;
}

struct mime *mime_open(const struct content_type *type, struct arena *arena)
{
	struct mime *mime;

	if (!type->multipart || type->boundary_state != BOUNDARY_FINE)
		return NULL;
	mime = arena_alloc(arena, sizeof(*mime));
	push(mime, type);
	mime->in_line = true; /* a body begins with a line */
	return mime;
}

void mime_add(struct mime *mime, const uint8_t *octets, size_t length)
{
	const uint8_t *at = octets, *end = octets + length;

	while (at < end && mime->reading != READING_NOTHING) {
		if (mime->in_line && mime->reading == READING_BODY && mime->line_octets == 0 && *at != '-')
			mime->in_line = false;
		/* What is passed over may be this very octet: a line's end. */
		at = mime->in_line ? keep_line(mime, at, end) : pass_over(mime, at, end);
	}
}

bool mime_is_over(const struct mime *mime)
{
	return mime->reading == READING_NOTHING;
}

void mime_end(struct mime *mime)
{
	if (mime->in_line && mime->line_octets > 0)
		end_of_line(mime);
	while (mime->depth > 0)
		pop(mime, false);
	mime->reading = READING_NOTHING;
}

const struct mime_facts *mime_get_facts(const struct mime *mime)
{
	return &mime->facts;
}
