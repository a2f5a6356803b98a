/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/zone_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/strbuf.h"
#include "dns/zone_internal.h"

#define FAULT_ANY_TYPE 0U
#define KNOWN_TYPES    "A, AAAA, PTR, MX, TXT, NS, CNAME, SOA"
#define KNOWN_FAULTS   "!timeout, !servfail, !bogus, !slow=MILLISECONDS"

int zone_fail(struct zone_parser *parser, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return err_set(parser->err, "%s:%d: %s", parser->path, parser->entry_line, text);
}

const char *zone_shown(const char *text, char shown[ZONE_SHOWN_MAX])
{
	struct strbuf buf;

	strbuf_open(&buf, shown, ZONE_SHOWN_MAX);
	strbuf_add_clean(&buf, text, "\"", ZONE_SHOWN_MAX - 1);
	return shown;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Go to the next word of the entry, over blanks, comments, parentheses and their lines. Returns as its caller. */
static int skip_to_token(struct zone_parser *parser)
{
	for (; parser->at < parser->end; parser->at++) {
		char c = *parser->at;
		if (c == ';') {
			while (parser->at + 1 < parser->end && parser->at[1] != '\n')
				parser->at++;
		} else if (c == '(') {
			parser->depth++;
		} else if (c == ')') {
			if (parser->depth-- == 0)
				return zone_fail(parser, "a closing parenthesis without an opening one");
		} else if (c == '\n') {
			if (parser->depth == 0)
				return 0;
			parser->line++;
		} else if (!is_blank(c)) {
			return 1;
		}
	}
	return parser->depth == 0 ? 0 : zone_fail(parser, "the file ends before the closing parenthesis");
}

int zone_next_token(struct zone_parser *parser, struct zone_token *token)
{
	int found = skip_to_token(parser);
	size_t length = 0;

	if (found != 1)
		return found;
	token->quoted = *parser->at == '"';
	if (token->quoted)
		parser->at++;
	for (;; parser->at++) {
		char c = parser->at < parser->end ? *parser->at : '\n';
		if (token->quoted ? c == '"' || c == '\n' : is_blank(c) || c == '\n' || strchr(";()\"", c) != NULL)
			break;
		if (length + 2 >= sizeof token->text)
			return zone_fail(parser, "a word of more than %zu characters", sizeof token->text - 3);
		token->text[length++] = c;
		if (c == '\\' && parser->at + 1 < parser->end && parser->at[1] != '\n')
			token->text[length++] = *++parser->at;
	}
	token->text[length] = '\0';
	if (!token->quoted)
		return 1;
	if (parser->at == parser->end || *parser->at != '"')
		return zone_fail(parser, "a string without its closing quote");
	parser->at++;
	return 1;
}

static bool parse_type(const char *text, enum dns_type *type)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_PTR, DNS_MX, DNS_TXT, DNS_NS, DNS_CNAME, DNS_SOA };

	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcasecmp(text, dns_type_name(types[i])) == 0) {
			*type = types[i];
			return true;
		}
	}
	return false;
}

/* "!slow=1500" and its like. */
static bool parse_fault(const char *text, enum zone_fault *fault, int *slow_ms)
{
	static const struct {
		const char *text;
		enum zone_fault fault;
	} faults[] = {
		{ "!timeout", ZONE_FAULT_TIMEOUT },
		{ "!servfail", ZONE_FAULT_SERVFAIL },
		{ "!bogus", ZONE_FAULT_BOGUS },
	};
	uint32_t number;

	*slow_ms = 0;
	for (size_t i = 0; i < COUNT(faults); i++) {
		if (strcasecmp(text, faults[i].text) == 0) {
			*fault = faults[i].fault;
			return true;
		}
	}
	if (strncasecmp(text, "!slow=", 6) != 0 || !zone_parse_number(text + 6, ZONE_SLOW_MS_MAX, &number))
		return false;
	*fault = ZONE_FAULT_SLOW;
	*slow_ms = (int)number;
	return true;
}

static int end_of_entry(struct zone_parser *parser)
{
	struct zone_token token;
	char shown[ZONE_SHOWN_MAX];
	int got = zone_next_token(parser, &token);

	return got == 1 ? zone_fail(parser, "\"%s\" is too much on this line", zone_shown(token.text, shown)) : got;
}

static int read_directive(struct zone_parser *parser, const char *name)
{
	struct zone_token token;
	char shown[ZONE_SHOWN_MAX];

	if (strcasecmp(name, "$TTL") != 0)
		return zone_fail(parser, "\"%s\" is not known: $TTL is the only directive, all names are absolute",
		                 zone_shown(name, shown));
	int got = zone_next_token(parser, &token);
	if (got < 0)
		return -1;
	if (got == 0 || !zone_parse_number(token.text, INT32_MAX, &parser->ttl_s))
		return zone_fail(parser, "$TTL needs a number of seconds, such as 300");
	return end_of_entry(parser);
}

static int add_fault(struct zone_parser *parser, unsigned type, const char *text)
{
	struct zone_node *node = zone_make_node(parser->zone, parser->owner, parser->owner_octets);
	char shown[ZONE_SHOWN_MAX];
	enum zone_fault fault;
	int slow_ms;

	if (!parse_fault(text, &fault, &slow_ms))
		return zone_fail(parser, "\"%s\" is no fault: right are " KNOWN_FAULTS " (up to %d)",
		                 zone_shown(text, shown), ZONE_SLOW_MS_MAX);
	for (const struct zone_fault_line *line = node->faults; line != NULL; line = line->next) {
		if (line->type == type)
			return zone_fail(parser, "this name and type have a fault already: one is right");
	}
	zone_add_fault(parser->zone, node, type, fault, slow_ms);
	return end_of_entry(parser);
}

/* RFC 2181 10.1: a name with a CNAME has nothing else. */
static int check_cname(struct zone_parser *parser, const struct zone_node *node, enum dns_type type)
{
	for (const struct zone_record *record = node->records; record != NULL; record = record->next) {
		bool same = record->type == type && type != DNS_CNAME;
		bool again = type == DNS_CNAME && record->type == DNS_CNAME &&
		             record->rdata_octets == parser->rdata_octets &&
		             memcmp(record->rdata, parser->rdata, record->rdata_octets) == 0;
		if (!same && !again && (type == DNS_CNAME || record->type == DNS_CNAME))
			return zone_fail(parser,
			                 "a name with a CNAME can have no other record: remove this %s or the other %s",
			                 dns_type_name(type), dns_type_name(record->type));
	}
	return 0;
}

static int add_record(struct zone_parser *parser, enum dns_type type, uint32_t ttl_s)
{
	if (zone_read_rdata(parser, type) != 0 || end_of_entry(parser) != 0)
		return -1;
	struct zone_node *node = zone_make_node(parser->zone, parser->owner, parser->owner_octets);
	if (check_cname(parser, node, type) != 0)
		return -1;
	zone_add_record(node, type, ttl_s, parser->rdata, parser->rdata_octets);
	return 0;
}

/* TTL and class, in any order, up to the type, which ends in `token`. */
static int read_ttl_and_class(struct zone_parser *parser, struct zone_token *token, uint32_t *ttl_s)
{
	bool has_ttl = false, has_class = false;
	char shown[ZONE_SHOWN_MAX];
	int got;

	while ((got = zone_next_token(parser, token)) == 1) {
		if (!has_class && strcasecmp(token->text, "IN") == 0) {
			has_class = true;
		} else if (!has_ttl && token->text[0] >= '0' && token->text[0] <= '9') {
			if (!zone_parse_number(token->text, INT32_MAX, ttl_s))
				return zone_fail(parser, "\"%s\" is no TTL: a number of seconds is right",
				                 zone_shown(token->text, shown));
			has_ttl = true;
		} else {
			return 0;
		}
	}
	return got < 0 ? -1 : zone_fail(parser, "the line ends where a type should be: known are " KNOWN_TYPES);
}

/* Everything behind the name. */
static int read_entry(struct zone_parser *parser)
{
	uint32_t ttl_s = parser->ttl_s;
	struct zone_token token, next;
	char shown[ZONE_SHOWN_MAX];
	enum dns_type type = DNS_A;

	if (read_ttl_and_class(parser, &token, &ttl_s) != 0)
		return -1;
	bool any = strcmp(token.text, "*") == 0;
	if (!any && !parse_type(token.text, &type))
		return zone_fail(parser,
		                 "\"%s\" is no type known here: known are " KNOWN_TYPES ", and * before a fault",
		                 zone_shown(token.text, shown));
	/* a fault is told from rdata by looking at the word ahead */
	struct zone_parser before = *parser;
	int got = zone_next_token(parser, &next);
	if (got < 0)
		return -1;
	if (got == 1 && !next.quoted && next.text[0] == '!')
		return add_fault(parser, any ? FAULT_ANY_TYPE : (unsigned)type, next.text);
	if (any)
		return zone_fail(parser, "after the type * a fault is right: " KNOWN_FAULTS);
	*parser = before;
	return add_record(parser, type, ttl_s);
}

static int read_owner(struct zone_parser *parser, const struct zone_token *token)
{
	char shown[ZONE_SHOWN_MAX];

	parser->owner_octets = strcmp(token->text, "@") != 0 ? dns_name_to_wire(token->text, parser->owner) : 0;
	if (parser->owner_octets == 0)
		return zone_fail(parser, "\"%s\" is no name: an absolute name such as mail.example.org is right",
		                 zone_shown(token->text, shown));
	return 0;
}

/* One entry: a line, or several inside parentheses. */
static int read_line(struct zone_parser *parser)
{
	bool same_owner = is_blank(*parser->at);
	struct zone_parser before;
	struct zone_token token;

	parser->entry_line = parser->line;
	before = *parser;
	int got = zone_next_token(parser, &token);
	if (got != 1)
		return got;
	if (same_owner) {
		if (parser->owner_octets == 0)
			return zone_fail(
				parser,
				"a line that begins with a blank continues the name before it, but there is none");
		*parser = before;
		return read_entry(parser);
	}
	if (token.text[0] == '$')
		return read_directive(parser, token.text);
	return read_owner(parser, &token) != 0 ? -1 : read_entry(parser);
}

struct zone *zone_file_parse(const char *text, size_t octets, const char *path, struct err *err)
{
	struct zone_parser parser = {
		.path = path,
		.at = text,
		.end = text + octets,
		.line = 1,
		.ttl_s = ZONE_TTL_S,
		.err = err,
	};
	int result = 0;

	parser.entry_line = 1;
	if (memchr(text, '\0', octets) != NULL) {
		err_set(err, "%s: contains a NUL octet: a zone file is text", path);
		return NULL;
	}
	parser.zone = zone_new();
	parser.rdata = memory_new(ZONE_RDATA_MAX);
	while (result == 0 && parser.at < parser.end) {
		result = read_line(&parser);
		if (parser.at < parser.end)
			parser.at++; /* the end of the line */
		parser.line++;
	}
	free(parser.rdata);
	if (result != 0)
		zone_file_close(&parser.zone);
	return parser.zone;
}

static char *read_whole(FILE *file, const char *path, size_t *octets, struct err *err)
{
	size_t size = 65536;
	char *text = memory_new(size);

	for (*octets = 0;;) {
		size_t got = fread(text + *octets, 1, size - *octets, file);
		*octets += got;
		if (got == 0)
			break;
		if (*octets > ZONE_FILE_OCTETS_MAX) {
			err_set(err, "zone file %s: larger than %d octets", path, ZONE_FILE_OCTETS_MAX);
			goto fail;
		}
		if (*octets == size)
			text = memory_grow(text, size *= 2);
	}
	if (!ferror(file))
		return text;
	err_set(err, "zone file %s: %s", path, strerror(errno));
fail:
	free(text);
	return NULL;
}

struct zone *zone_file_open(const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	struct zone *zone = NULL;
	size_t octets;

	if (file == NULL) {
		err_set(err, "zone file %s: %s", path, strerror(errno));
		return NULL;
	}
	char *text = read_whole(file, path, &octets, err);
	if (text != NULL)
		zone = zone_file_parse(text, octets, path, err);
	free(text);
	fclose(file);
	return zone;
}
