/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "mail/idn.h"

#define TTL_S        300
#define SHOWN_OCTETS 80

enum { FIELD_NAME, FIELD_TYPE, FIELD_DATA, FIELDS };

struct record {
	const char *name;
	const char *text;        /* NULL: an error */
	struct dns_answer error; /* what it answers where there is no text */
};

struct tool_records {
	struct arena_quota quota;
	struct arena arena;
	struct record *records;
	size_t n, room;
};

static const struct {
	const char *word;
	enum dns_status status;
	enum dns_why why;
} errors[] = {
	{ "NXDOMAIN", DNS_NONE, DNS_WHY_NXDOMAIN },
	{ "NODATA", DNS_NONE, DNS_WHY_NODATA },
	{ "SERVFAIL", DNS_UNSURE, DNS_WHY_SERVFAIL },
	{ "TIMEOUT", DNS_UNSURE, DNS_WHY_TIMEOUT },
};

/* ---- lines ---- */

static bool says_nothing(const char *line)
{
	return line[strspn(line, " \t")] == '\0' || *line == ';' || *line == '#';
}

/* Cut the line into its fields. False: it has fewer. */
static bool cut(char *line, char *fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = line;
		if (i == FIELD_DATA)
			break;
		line = strchr(line, '\t');
		if (line == NULL)
			return false;
		*line++ = '\0';
	}
	return strcmp(fields[FIELD_TYPE], "TXT") == 0 || strcmp(fields[FIELD_TYPE], "RCODE") == 0;
}

/* Without its line end. NULL: there is no more, or an error of the stream. */
static char *read_line(FILE *file, char **line, size_t *size)
{
	if (getline(line, size, file) < 0)
		return NULL;
	(*line)[strcspn(*line, "\r\n")] = '\0';
	return *line;
}

/* The size of a line is bounded by that of the file. */
static bool is_small(FILE *file)
{
	long octets = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;

	rewind(file);
	return octets >= 0 && octets <= (long)TOOL_RECORDS_OCTETS_MAX;
}

bool tool_records_are_in(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *fields[FIELDS];
	size_t size = 0;
	bool found = false, readable;

	if (file == NULL)
		return false;
	readable = is_small(file);
	while (readable && read_line(file, &line, &size)) {
		if (says_nothing(line))
			continue;
		found = cut(line, fields) && strchr("\"!", fields[FIELD_DATA][0]) == NULL;
		break;
	}
	free(line);
	fclose(file);
	return found;
}

/* ---- records ---- */

static struct record *add_record(struct tool_records *records, const char *name)
{
	char ascii[IDN_DOMAIN_OCTETS_MAX];
	struct record *record;

	if (records->n == records->room) {
		records->room = records->room ? 2 * records->room : 64;
		records->records = memory_grow(records->records, records->room * sizeof(*records->records));
	}
	record = &records->records[records->n++];
	*record = (struct record){ .name = arena_strdup(&records->arena, idn_to_ascii(name, ascii) ? ascii : name) };
	return record;
}

static int add_error(struct record *record, const char *word)
{
	for (size_t i = 0; i < COUNT(errors); i++) {
		if (strcasecmp(word, errors[i].word) == 0) {
			record->error = (struct dns_answer){ .status = errors[i].status, .why = errors[i].why };
			return 0;
		}
	}
	return -1;
}

static int wrong(struct err *err, const char *path, unsigned number, const char *text, const char *what_is_right)
{
	char shown[SHOWN_OCTETS];
	struct strbuf buf;

	strbuf_open(&buf, shown, sizeof(shown));
	strbuf_add_clean(&buf, text, "\"", sizeof(shown) - 1);
	return err_set(err, "%s:%u: \"%s\": %s", path, number, shown, what_is_right);
}

static int take_line(struct tool_records *records, char *line, const char *path, unsigned number, struct err *err)
{
	char *fields[FIELDS];
	struct record *record;

	if (says_nothing(line))
		return 0;
	if (!cut(line, fields))
		return wrong(err, path, number, line,
		             "the first line makes this a file of \"name TAB TXT TAB text\" and \"name TAB RCODE TAB "
		             "word\", and this is neither");
	record = add_record(records, fields[FIELD_NAME]);
	if (strcmp(fields[FIELD_TYPE], "TXT") == 0)
		record->text = arena_strdup(&records->arena, fields[FIELD_DATA]);
	else if (add_error(record, fields[FIELD_DATA]))
		return wrong(err, path, number, fields[FIELD_DATA],
		             "is no error known here: right are NXDOMAIN, NODATA, SERVFAIL, TIMEOUT");
	return 0;
}

static int read_all(struct tool_records *records, FILE *file, const char *path, struct err *err)
{
	char *line = NULL;
	unsigned number = 0;
	size_t size = 0;
	int result = 0;

	if (!is_small(file))
		return err_set(err, "zone file %s: larger than %lu octets, or no file", path, TOOL_RECORDS_OCTETS_MAX);
	while (result == 0 && read_line(file, &line, &size))
		result = take_line(records, line, path, ++number, err);
	if (result == 0 && ferror(file))
		result = err_set(err, "zone file %s: %s", path, strerror(errno));
	free(line);
	return result;
}

struct tool_records *tool_records_open(const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	struct tool_records *records;

	if (file == NULL) {
		err_set(err, "zone file %s: %s", path, strerror(errno));
		return NULL;
	}
	records = memory_new(sizeof(*records));
	*records = (struct tool_records){ .quota = { .max_octets = TOOL_RECORDS_OCTETS_MAX } };
	arena_open(&records->arena, &records->quota);
	if (read_all(records, file, path, err))
		tool_records_close(&records);
	fclose(file);
	return records;
}

void tool_records_close(struct tool_records **records)
{
	if (*records == NULL)
		return;
	arena_close(&(*records)->arena);
	free((*records)->records);
	free(*records);
	*records = NULL;
}

/* ---- answers ---- */

static bool is_same_name(const char *a, const char *b)
{
	size_t a_octets = strlen(a), b_octets = strlen(b);

	a_octets -= a_octets > 0 && a[a_octets - 1] == '.';
	b_octets -= b_octets > 0 && b[b_octets - 1] == '.';
	return a_octets == b_octets && strncasecmp(a, b, a_octets) == 0;
}

/* One more record; `kept` has room for all that an answer may have. */
static void add_answer(struct dns_answer *answer, struct dns_record *kept, const char *text)
{
	if (answer->n_records == DNS_RECORDS_MAX)
		return;
	kept[answer->n_records++] = (struct dns_record){ .data = (const uint8_t *)text, .octets = strlen(text) };
	answer->records = kept;
	answer->status = DNS_FOUND;
	answer->why = DNS_WHY_NOTHING;
	answer->ttl_s = TTL_S;
}

const struct dns_answer *tool_records_ask(const struct tool_records *records, const char *name, enum dns_type type,
                                          struct arena *arena)
{
	struct dns_answer *answer = arena_alloc(arena, sizeof(*answer));
	struct dns_record *kept = NULL;

	*answer = (struct dns_answer){ .status = DNS_NONE, .why = DNS_WHY_NXDOMAIN };
	for (size_t i = 0; i < records->n; i++) {
		const struct record *record = &records->records[i];
		if (!is_same_name(record->name, name))
			continue;
		if (record->text == NULL) {
			*answer = record->error;
			break;
		}
		if (type != DNS_TXT) {
			answer->why = DNS_WHY_NODATA;
			continue;
		}
		if (kept == NULL)
			kept = arena_alloc(arena, DNS_RECORDS_MAX * sizeof(*kept));
		add_answer(answer, kept, record->text);
	}
	return answer;
}
