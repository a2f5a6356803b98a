/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/content_type.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "mail/cfws.h"

#define TSPECIALS  "()<>@,;:\\\"/[]?=" /* RFC 2045 5.1 */
#define PIECES_MAX 10                  /* of a boundary in pieces (RFC 2231 3), each with one digit */

/* What stands behind an "=": between the quotes, if there are any. */
struct value {
	const char *text; /* NULL: there is none */
	size_t octets;
	bool quoted, extended; /* extended: with %HH, and a charset before the first piece (RFC 2231 4) */
};

struct parser {
	const char *at, *end;
	bool damaged;
	struct value plain, whole, pieces[PIECES_MAX]; /* boundary=, boundary*=, boundary*0= or boundary*0*= ... */
};

/* ---- words ---- */

static bool is_token_octet(char octet)
{
	return octet > ' ' && octet <= '~' && strchr(TSPECIALS, octet) == NULL;
}

/* A comment that is never closed reaches to the end: looking for its end again and again would take too long. */
static void skip(struct parser *parser)
{
	parser->at = cfws_skip(parser->at, parser->end);
	if (parser->at < parser->end && *parser->at == '(') {
		parser->damaged = true;
		parser->end = parser->at;
	}
}

static size_t take_token(struct parser *parser, const char **token)
{
	*token = parser->at;
	while (parser->at < parser->end && is_token_octet(*parser->at))
		parser->at++;
	return (size_t)(parser->at - *token);
}

static bool take_mark(struct parser *parser, char mark)
{
	skip(parser);
	if (parser->at == parser->end || *parser->at != mark)
		return false;
	parser->at++;
	skip(parser);
	return true;
}

static const char *find_quote(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' && at + 1 < end ? 2 : 1;
	return at;
}

/* Many write what needs quotes without them: it ends where the next parameter or a comment may begin. */
static void take_bare(struct parser *parser, struct value *value)
{
	value->text = parser->at;
	while (parser->at < parser->end && !cfws_is_space(*parser->at) && *parser->at != ';' && *parser->at != '(')
		parser->at++;
	value->octets = (size_t)(parser->at - value->text);
	parser->damaged |= value->octets == 0;
}

static void take_value(struct parser *parser, struct value *value)
{
	*value = (struct value){ .text = parser->at };
	if (parser->at == parser->end || *parser->at != '"') {
		take_bare(parser, value);
		return;
	}
	const char *close = find_quote(parser->at + 1, parser->end);
	value->text = parser->at + 1;
	value->octets = (size_t)(close - value->text);
	value->quoted = true;
	parser->damaged |= close == parser->end;
	parser->at = close < parser->end ? close + 1 : close;
}

/* ---- parameters ---- */

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

/* Where the value of the parameter of this name belongs; NULL: nobody asks for it. */
static struct value *place_of(struct parser *parser, const char *name, size_t octets, bool *extended)
{
	static const char wanted[] = "boundary";
	const size_t length = sizeof(wanted) - 1;

	*extended = false;
	if (octets < length || strncasecmp(name, wanted, length) != 0)
		return NULL;
	name += length;
	octets -= length;
	if (octets == 0)
		return &parser->plain;
	*extended = name[octets - 1] == '*';
	if (octets == 1 && *extended)
		return &parser->whole;
	if (octets == 2U + *extended && name[0] == '*' && is_digit(name[1]))
		return &parser->pieces[name[1] - '0'];
	return NULL;
}

/* A name without a value is passed over. */
static void take_parameter(struct parser *parser)
{
	const char *name;
	const size_t octets = take_token(parser, &name);
	struct value value, *place;
	bool extended;

	if (octets == 0 || !take_mark(parser, '=')) {
		parser->damaged = true;
		return;
	}
	take_value(parser, &value);
	place = place_of(parser, name, octets, &extended);
	if (place != NULL && place->text == NULL) {
		*place = value;
		place->extended = extended;
	}
}

/* Readers go on behind what they do not understand, and so does this. */
static void take_parameters(struct parser *parser)
{
	for (;;) {
		skip(parser);
		if (parser->at == parser->end)
			return;
		const char *from = parser->at;
		if (*from == ';') {
			parser->at++;
			continue;
		}
		take_parameter(parser);
		if (parser->at == from) /* nothing that a name could begin with */
			parser->at++;
		skip(parser);
		parser->damaged |= parser->at < parser->end && *parser->at != ';';
	}
}

/* ---- the boundary ---- */

static int hex_digit(char octet)
{
	if (is_digit(octet))
		return octet - '0';
	octet |= 0x20;
	return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

static void add_octet(struct content_type *type, char octet)
{
	if (octet < ' ' || octet > '~' || type->boundary_octets == BOUNDARY_OCTETS_MAX)
		type->boundary_state = BOUNDARY_UNUSABLE;
	else
		type->boundary[type->boundary_octets++] = octet;
}

/* Behind the charset and the language, which end in "'" each. */
static void skip_charset(struct value *value)
{
	for (int quotes = 0; quotes < 2; quotes++) {
		const char *quote = memchr(value->text, '\'', value->octets);
		if (quote == NULL)
			return;
		value->octets -= (size_t)(quote + 1 - value->text);
		value->text = quote + 1;
	}
}

static void add_value(struct content_type *type, const struct value *value)
{
	for (size_t i = 0; i < value->octets; i++) {
		char octet = value->text[i];
		if (octet == '\r' || octet == '\n') /* folding */
			continue;
		if (value->quoted && octet == '\\' && i + 1 < value->octets)
			octet = value->text[++i];
		if (value->extended && octet == '%' && value->octets - i > 2 && hex_digit(value->text[i + 1]) >= 0 &&
		    hex_digit(value->text[i + 2]) >= 0) {
			octet = (char)(hex_digit(value->text[i + 1]) * 16 + hex_digit(value->text[i + 2]));
			i += 2;
		}
		add_octet(type, octet);
	}
}

static void add_first(struct content_type *type, struct value *value)
{
	if (value->extended)
		skip_charset(value);
	add_value(type, value);
}

static void assemble_boundary(struct content_type *type, struct parser *parser)
{
	struct value *first = &parser->plain;

	if (first->text == NULL)
		first = &parser->whole;
	if (first->text == NULL)
		first = &parser->pieces[0];
	if (first->text == NULL)
		return;
	type->boundary_state = BOUNDARY_FINE;
	add_first(type, first);
	for (size_t i = 1; first == &parser->pieces[0] && i < PIECES_MAX && parser->pieces[i].text != NULL; i++)
		add_value(type, &parser->pieces[i]);
	while (type->boundary_octets > 0 && type->boundary[type->boundary_octets - 1] == ' ')
		type->boundary_octets--;
	type->boundary[type->boundary_octets] = '\0';
	if (type->boundary_octets == 0)
		type->boundary_state = BOUNDARY_UNUSABLE;
}

void content_type_parse(struct content_type *type, const char *value, size_t octets)
{
	struct parser parser = { .at = value, .damaged = octets > CONTENT_TYPE_OCTETS_MAX };
	const char *name, *below;

	parser.end = value + (parser.damaged ? CONTENT_TYPE_OCTETS_MAX : octets);
	*type = (struct content_type){ .boundary_state = BOUNDARY_NONE };
	skip(&parser);
	const size_t name_octets = take_token(&parser, &name);
	type->multipart = name_octets == 9 && strncasecmp(name, "multipart", 9) == 0;
	if (name_octets == 0 || !take_mark(&parser, '/') || take_token(&parser, &below) == 0)
		parser.damaged = true;
	skip(&parser);
	parser.damaged |= parser.at < parser.end && *parser.at != ';';
	take_parameters(&parser);
	type->valid = !parser.damaged;
	assemble_boundary(type, &parser);
}
