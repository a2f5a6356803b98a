/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list is read token by token, and what does not fit is passed over: damage says that the value is no address-list,
 * but never hides the addresses around it. Nothing is read more often than a constant number of times.
 */
#include "mail/author.h"

#include <string.h>

#include "mail/address.h"
#include "mail/idn.h"
#include "mail/utf8.h"

#define ATOM_MARKS "!#$%&'*+-/=?^_`{|}~" /* RFC 5322 3.2.3 */

enum token_kind { TOKEN_END, TOKEN_ATOM, TOKEN_QUOTED, TOKEN_LITERAL, TOKEN_MARK };

/* A stretch of the value: what is between the quotes or brackets; of a mark its octet. */
struct token {
	enum token_kind kind;
	const char *text;
	size_t octets;
	char mark; /* '\0' unless it is a mark */
};

/* What was read last of what may become a local-part: words with dots between them. */
enum run_state { RUN_NOTHING, RUN_WORD, RUN_DOT };

struct parser {
	const char *at, *end;
	struct author *author;
	struct arena *arena;
	char *scratch; /* as long as the value: the run, and behind it the domain */
	size_t run_octets;
	enum run_state run;
	bool run_bad;     /* dots at the wrong places */
	size_t words;     /* in this phrase, or since "<" */
	bool phrase_bad;  /* begins with a dot */
	bool in_angle;    /* between "<" and ">" */
	bool in_group;    /* between ":" and ";" */
	bool done;        /* this mailbox, or the group before it, is complete: a comma must follow */
	bool found_group; /* with or without members */
	bool no_comments; /* one was never closed: what looks like one is text from there on */
	bool no_quotes;   /* the same */
	bool no_literals; /* the same */
	bool damaged;
};

/* ---- octets ---- */

static bool is_space(char octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

static bool is_letter_or_digit(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9');
}

static bool is_8bit(char octet)
{
	return ((unsigned char)octet & 0x80) != 0;
}

static bool is_atom_octet(char octet)
{
	return is_letter_or_digit(octet) || is_8bit(octet) || (octet != '\0' && strchr(ATOM_MARKS, octet) != NULL);
}

/* A line end is white space when the line goes on, or when nothing follows. */
static bool is_folding(const char *at, const char *end)
{
	if (*at == '\r')
		return end - at > 1 && at[1] == '\n' && is_folding(at + 1, end);
	return end - at == 1 || at[1] == ' ' || at[1] == '\t';
}

/*
 * Are all octets text: printable, well-formed UTF-8 (RFC 6532), or white space with its folding? RFC 5322's obsolete
 * forms would admit controls, which serve to deceive only.
 */
static bool is_text(const char *at, const char *end)
{
	while (at < end) {
		size_t octets = (*at >= ' ' && *at <= '~') || *at == '\t' ? 1 : utf8_octets(at, end);
		if (octets == 0 && (*at == '\r' || *at == '\n') && is_folding(at, end))
			octets = 1;
		if (octets == 0)
			return false;
		at += octets;
	}
	return true;
}

/* ---- tokens ---- */

/* Beyond the comment that begins here; NULL: it is never closed. */
static const char *skip_comment(const char *at, const char *end)
{
	size_t depth = 0;

	for (; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

static void skip_space(struct parser *parser)
{
	while (parser->at < parser->end) {
		const char *beyond = NULL;
		if (is_space(*parser->at))
			beyond = parser->at + 1;
		else if (*parser->at == '(' && !parser->no_comments)
			beyond = skip_comment(parser->at, parser->end);
		if (beyond == NULL)
			return;
		parser->at = beyond;
	}
}

/* Where the quoted string or literal that begins here is closed; NULL: it never is. */
static const char *find_close(const char *at, const char *end, char close)
{
	for (at++; at < end && *at != close; at++) {
		if (*at == '\\')
			at++;
	}
	return at < end ? at : NULL;
}

static struct token bracketed(struct parser *parser, enum token_kind kind, const char *close)
{
	struct token token = { .kind = kind, .text = parser->at + 1, .octets = (size_t)(close - parser->at) - 1 };

	parser->at = close + 1;
	return token;
}

static struct token mark(struct parser *parser)
{
	struct token token = { .kind = TOKEN_MARK, .text = parser->at, .octets = 1, .mark = *parser->at };

	parser->no_comments = parser->no_comments || token.mark == '(';
	parser->no_quotes = parser->no_quotes || token.mark == '"';
	parser->at++;
	return token;
}

static struct token next_token(struct parser *parser)
{
	struct token token = { .kind = TOKEN_END };
	const char *close = NULL;

	skip_space(parser);
	if (parser->at == parser->end)
		return token;
	if (*parser->at == '"' && !parser->no_quotes)
		close = find_close(parser->at, parser->end, '"');
	if (close != NULL)
		return bracketed(parser, TOKEN_QUOTED, close);
	if (!is_atom_octet(*parser->at))
		return mark(parser);
	token = (struct token){ .kind = TOKEN_ATOM, .text = parser->at };
	while (parser->at < parser->end && is_atom_octet(*parser->at))
		parser->at++;
	token.octets = (size_t)(parser->at - token.text);
	return token;
}

/* ---- what is found ---- */

static size_t append(char *to, const char *text, size_t octets)
{
	memcpy(to, text, octets);
	return octets;
}

/* Without what quoting and folding added. */
static size_t append_unquoted(char *to, const struct token *token)
{
	size_t n = 0;

	for (size_t i = 0; i < token->octets; i++) {
		char octet = token->text[i];
		if (octet == '\\' && i + 1 < token->octets)
			octet = token->text[++i];
		if (octet != '\r' && octet != '\n')
			to[n++] = octet == '\t' ? ' ' : octet;
	}
	return n;
}

/* A copy of which nothing but printable ASCII and well-formed UTF-8 (if it may be there) is left. */
static char *copy_clean(struct parser *parser, const char *text, size_t octets, bool utf8)
{
	char *copy = arena_copy(parser->arena, text, octets);

	for (char *at = copy, *end = copy + octets; at < end;) {
		size_t n = *at >= ' ' && *at <= '~' ? 1 : 0;
		if (n == 0 && utf8)
			n = utf8_octets(at, end);
		if (n == 0) {
			parser->damaged = true;
			*at = '?';
			n = 1;
		}
		at += n;
	}
	return copy;
}

static bool has_8bit(const char *text, size_t octets)
{
	size_t i = 0;

	while (i < octets && !is_8bit(text[i]))
		i++;
	return i < octets;
}

/* IDNA maps look-alikes, too: a wide "<" becomes "<", which no domain contains. */
static bool is_plain_domain(const char *domain)
{
	if (*domain == '\0')
		return false;
	while (is_atom_octet(*domain) || *domain == '.')
		domain++;
	return *domain == '\0';
}

/* Lower-case A-labels where it has them. Never cut: that would be another domain. */
static const char *clean_domain(struct parser *parser, const char *text, size_t octets)
{
	char name[IDN_DOMAIN_OCTETS_MAX], ascii[IDN_DOMAIN_OCTETS_MAX];

	if (octets < sizeof(name) && has_8bit(text, octets)) {
		append(name, text, octets);
		name[octets] = '\0';
		if (idn_to_ascii(name, ascii) && is_plain_domain(ascii))
			return arena_strdup(parser->arena, ascii);
	}
	return domain_lower(parser->arena, copy_clean(parser, text, octets, false), octets);
}

static void add_address(struct parser *parser, const char *domain, size_t octets)
{
	struct author *author = parser->author;

	author->n_found++;
	if (author->n == AUTHOR_ADDRESSES_MAX)
		return;
	author->addresses[author->n++] = (struct author_address){
		.local = copy_clean(parser, parser->scratch, parser->run_octets, true),
		.domain = clean_domain(parser, domain, octets),
	};
}

/* ---- domains ---- */

/* A literal with its brackets, white space and quoting removed. The parser is behind the "[". */
static size_t read_literal(struct parser *parser, char *to)
{
	const char *close = parser->no_literals ? NULL : find_close(parser->at - 1, parser->end, ']');
	size_t n = 0;

	if (close == NULL) {
		parser->damaged = parser->no_literals = true;
		return 0;
	}
	parser->at--;
	struct token token = bracketed(parser, TOKEN_LITERAL, close);
	parser->damaged = parser->damaged || memchr(token.text, '[', token.octets) != NULL;
	to[n++] = '[';
	n += append_unquoted(to + n, &token);
	to[n++] = ']';
	return n;
}

/* Atoms with dots between them; white space and comments around the dots are obsolete but fine (obs-domain). */
static size_t read_labels(struct parser *parser, char *to)
{
	size_t n = 0;
	bool after_atom = false, named = false;

	for (;;) {
		const char *from = parser->at;
		struct token token = next_token(parser);
		if (token.mark != '.' && (token.kind != TOKEN_ATOM || after_atom)) {
			parser->at = from;
			break;
		}
		parser->damaged = parser->damaged || (token.mark == '.' && !after_atom);
		after_atom = token.kind == TOKEN_ATOM;
		named = named || after_atom;
		n += append(to + n, token.text, token.octets);
	}
	parser->damaged = parser->damaged || !after_atom;
	return named ? n : 0;
}

/* What follows an "@", to `to`. 0: no domain. */
static size_t read_domain(struct parser *parser, char *to)
{
	skip_space(parser);
	if (parser->at < parser->end && *parser->at == '[') {
		parser->at++;
		return read_literal(parser, to);
	}
	return read_labels(parser, to);
}

/* Behind "<": "@a,@b:" says nothing about the author (obs-route). What only looks like one is left to be read. */
static void skip_route(struct parser *parser)
{
	struct parser before = *parser;
	bool domains = false;

	for (;;) {
		struct token token = next_token(parser);
		if (token.mark == ':' && domains)
			return;
		bool good = token.mark == ',';
		if (token.mark == '@')
			good = domains = read_domain(parser, parser->scratch) > 0;
		if (!good)
			break;
	}
	*parser = before;
}

/* ---- the list ---- */

static void forget_words(struct parser *parser)
{
	parser->run = RUN_NOTHING;
	parser->run_octets = 0;
	parser->run_bad = parser->phrase_bad = false;
	parser->words = 0;
}

static void take_word(struct parser *parser, const struct token *token)
{
	parser->damaged = parser->damaged || parser->done;
	if (parser->run != RUN_DOT) {
		parser->run_octets = 0;
		parser->run_bad = parser->words > 0; /* two words without a dot: a phrase, but no local-part */
	}
	char *to = parser->scratch + parser->run_octets;
	parser->run_octets += token->kind == TOKEN_QUOTED ? append_unquoted(to, token)
	                                                  : append(to, token->text, token->octets);
	parser->run = RUN_WORD;
	parser->words++;
}

static void take_dot(struct parser *parser)
{
	parser->damaged = parser->damaged || parser->done;
	parser->run_bad = parser->run_bad || parser->run != RUN_WORD;
	parser->phrase_bad = parser->phrase_bad || parser->words == 0;
	parser->scratch[parser->run_octets++] = '.';
	parser->run = RUN_DOT;
}

static void take_at(struct parser *parser)
{
	char *domain = parser->scratch + parser->run_octets;

	if (parser->done || parser->run != RUN_WORD || parser->run_bad)
		parser->damaged = true;
	size_t octets = read_domain(parser, domain);
	if (octets > 0)
		add_address(parser, domain, octets);
	else
		parser->damaged = true;
	forget_words(parser);
	parser->done = true;
}

static void open_angle(struct parser *parser)
{
	parser->damaged = parser->damaged || parser->done || parser->in_angle || parser->phrase_bad;
	forget_words(parser);
	parser->in_angle = true;
	parser->done = false;
	skip_route(parser);
}

static void close_angle(struct parser *parser)
{
	parser->damaged = parser->damaged || !parser->in_angle || !parser->done;
	forget_words(parser);
	parser->in_angle = false;
	parser->done = true;
}

/* At a comma, and where the group or the value ends. Nothing between two commas is obsolete but fine. */
static void end_mailbox(struct parser *parser)
{
	bool open = parser->in_angle || (!parser->done && (parser->words > 0 || parser->run != RUN_NOTHING));

	parser->damaged = parser->damaged || open;
	forget_words(parser);
	parser->in_angle = parser->done = false;
}

static void open_group(struct parser *parser)
{
	bool good = !parser->in_group && !parser->in_angle && !parser->done && !parser->phrase_bad && parser->words > 0;

	parser->damaged = parser->damaged || !good;
	forget_words(parser);
	parser->in_angle = parser->done = false;
	parser->in_group = parser->found_group = true;
}

static void close_group(struct parser *parser)
{
	end_mailbox(parser);
	parser->damaged = parser->damaged || !parser->in_group;
	parser->done = parser->in_group;
	parser->in_group = false;
}

static void take_mark(struct parser *parser, char octet)
{
	static const struct {
		char mark;
		void (*take)(struct parser *parser);
	} marks[] = {
		{ '.', take_dot },    { '@', take_at },    { '<', open_angle },  { '>', close_angle },
		{ ',', end_mailbox }, { ':', open_group }, { ';', close_group },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (marks[i].mark == octet) {
			marks[i].take(parser);
			return;
		}
	}
	parser->damaged = true;
}

/* Half a domain would be another one. */
static size_t whole_words(const char *value, size_t octets)
{
	while (octets > 0 && (is_atom_octet(value[octets - 1]) || value[octets - 1] == '.'))
		octets--;
	return octets;
}

void author_parse(struct author *author, const char *value, struct arena *arena)
{
	size_t octets = strnlen(value, AUTHOR_OCTETS_MAX + 1);
	struct parser parser = { .at = value, .author = author, .arena = arena };
	struct token token;

	*author = (struct author){ .n = 0 };
	parser.damaged = octets > AUTHOR_OCTETS_MAX;
	if (parser.damaged)
		octets = whole_words(value, AUTHOR_OCTETS_MAX);
	parser.end = value + octets;
	parser.damaged = parser.damaged || !is_text(value, parser.end);
	parser.scratch = arena_alloc(arena, octets + 1);
	while ((token = next_token(&parser)).kind != TOKEN_END) {
		if (token.kind == TOKEN_MARK)
			take_mark(&parser, token.mark);
		else
			take_word(&parser, &token);
	}
	end_mailbox(&parser);
	author->valid = !parser.damaged && !parser.in_group && (author->n_found > 0 || parser.found_group);
}
