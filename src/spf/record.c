/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/record.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/base.h"
#include "spf/macro.h"

#define SHOWN_TERM_MAX 60  /* octets of a term in a problem */
#define SHOWN_PART_MAX 40  /* octets of a part of it */
#define REASON_MAX     121 /* what is wrong with a term, the terminator included: all fits SPF_PROBLEM_OCTETS_MAX */
#define CUT_MARK       "..."
#define V4_BITS        32
#define V6_BITS        128
#define ALPHA          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGIT          "0123456789"
#define NAME_OCTETS    ALPHA DIGIT "-_."

enum argument { NO_ARGUMENT, MAY_NAME_DOMAIN, MUST_NAME_DOMAIN, NETWORK };

static const struct kind {
	const char *name;
	enum spf_mechanism mechanism;
	enum argument argument;
	bool prefix;         /* does a dual-cidr-length follow? */
	const char *example; /* of what must follow the name */
} kinds[] = {
	{ "all", SPF_ALL, NO_ARGUMENT, false, NULL },
	{ "include", SPF_INCLUDE, MUST_NAME_DOMAIN, false, "a domain: \"include:DOMAIN\"" },
	{ "a", SPF_A, MAY_NAME_DOMAIN, true, NULL },
	{ "mx", SPF_MX, MAY_NAME_DOMAIN, true, NULL },
	{ "ptr", SPF_PTR, MAY_NAME_DOMAIN, false, NULL },
	{ "ip4", SPF_IP4, NETWORK, false, "an IPv4 address: \"ip4:ADDRESS\"" },
	{ "ip6", SPF_IP6, NETWORK, false, "an IPv6 address: \"ip6:ADDRESS\"" },
	{ "exists", SPF_EXISTS, MUST_NAME_DOMAIN, false, "a domain: \"exists:DOMAIN\"" },
};

/* Mechanisms that people write and that do not exist: what they meant. */
static const struct {
	const char *name, *meant;
} mistakes[] = {
	{ "ip", "ip4:" },  { "ipv4", "ip4:" }, { "ipv6", "ip6:" },         { "redirect", "redirect=" },
	{ "exp", "exp=" }, { "none", "-all" }, { "v", "only one record" },
};

struct parser {
	struct arena *arena;
	struct spf_record record;
	struct spf_term *terms; /* room for every term there is */
	bool all;               /* an "all" was read */
	struct strbuf reason;   /* what is wrong with the term that is being read */
};

/* A record that is walked term by term. Terms are numbered from 1; the version is none. */
struct walk {
	const uint8_t *octets;
	size_t length, at;
};

bool spf_is_record(const uint8_t *octets, size_t length)
{
	static const char version[] = "v=spf1";
	const size_t n = sizeof(version) - 1;

	return length >= n && strncasecmp((const char *)octets, version, n) == 0 && (length == n || octets[n] == ' ');
}

static bool is_one_of(char octet, const char *set)
{
	return octet != '\0' && strchr(set, octet) != NULL;
}

/* RFC 7208 12: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static bool is_name(const char *text, size_t length)
{
	if (length == 0 || !is_one_of(text[0], ALPHA))
		return false;
	for (size_t i = 1; i < length; i++) {
		if (!is_one_of(text[i], NAME_OCTETS))
			return false;
	}
	return true;
}

static bool same_name(const char *text, size_t length, const char *name)
{
	return length == strlen(name) && strncasecmp(text, name, length) == 0;
}

/* Where the scopes of "spf2.0/SCOPES" begin; 0: it is none. Any minor version will do (RFC 4406 4.4). */
static size_t scopes_start(const char *text, size_t length)
{
	static const char version[] = "spf2.";
	const size_t minor = sizeof(version) - 1;
	size_t at = minor;

	if (length < minor || strncasecmp(text, version, minor) != 0)
		return 0;
	while (at < length && is_one_of(text[at], DIGIT))
		at++;
	return at > minor && at < length && text[at] == '/' ? at + 1 : 0;
}

bool spf_is_record2(const uint8_t *octets, size_t length, const char *scope)
{
	const char *text = (const char *)octets;
	size_t at = scopes_start(text, length), end;
	bool found = false;

	if (at == 0)
		return false;
	for (;; at = end + 1) {
		for (end = at; end < length && text[end] != ',' && text[end] != ' ';)
			end++;
		if (!is_name(text + at, end - at))
			return false;
		found = found || same_name(text + at, end - at, scope);
		if (end == length || text[end] == ' ')
			return found;
	}
}

/* The next term's place; false: there is none. */
static bool next_term(struct walk *walk, size_t *start, size_t *length)
{
	while (walk->at < walk->length && walk->octets[walk->at] == ' ')
		walk->at++;
	*start = walk->at;
	while (walk->at < walk->length && walk->octets[walk->at] != ' ')
		walk->at++;
	*length = walk->at - *start;
	return *length > 0;
}

static struct walk walk_after_version(const uint8_t *octets, size_t length)
{
	struct walk walk = { .octets = octets, .length = length };

	while (walk.at < length && octets[walk.at] != ' ')
		walk.at++;
	return walk;
}

static void describe_octet(struct strbuf *problem, size_t number, unsigned int octet)
{
	const char *what = octet > 0x7e ? "is not ASCII" : "is a control character";

	if (octet == 0x7f)
		what = "is a control character";
	else if (octet == '\t')
		what = "is a tab; only spaces stand between terms";
	strbuf_addf(problem, "term %zu: the octet \\x%02x %s", number, octet, what);
}

/* Counts the terms; -1: an octet that no term may contain. */
static int count_terms(const uint8_t *octets, size_t length, size_t *n_terms, struct strbuf *problem)
{
	struct walk walk = walk_after_version(octets, length);
	size_t start, term_length;

	for (*n_terms = 0; next_term(&walk, &start, &term_length);) {
		++*n_terms;
		for (size_t i = start; i < start + term_length; i++) {
			if (octets[i] < 0x21 || octets[i] > 0x7e) {
				describe_octet(problem, *n_terms, octets[i]);
				return -1;
			}
		}
	}
	return 0;
}

/* Text of the record in quotes: cut, cleaned. */
static void add_part(struct strbuf *buf, const char *text, size_t length, size_t max)
{
	char part[SHOWN_TERM_MAX + 2];
	size_t n = length < sizeof(part) - 1 ? length : sizeof(part) - 1;

	memcpy(part, text, n);
	part[n] = '\0';
	strbuf_add(buf, "\"");
	strbuf_add_clean(buf, part, "\"", max);
	strbuf_add(buf, "\"");
}

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *parser, const char *format, ...)
{
	char text[REASON_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	strbuf_add(&parser->reason, text);
	return -1;
}

/* BEFORE "PART"AFTER */
static int wrong_part(struct parser *parser, const char *before, const char *part, size_t length, const char *after)
{
	strbuf_add(&parser->reason, before);
	add_part(&parser->reason, part, length, SHOWN_PART_MAX);
	strbuf_add(&parser->reason, after);
	return -1;
}

/*
 * Where the prefix lengths at the end of a domain-spec begin. A domain-spec proper ends in a toplabel or a macro
 * (RFC 7208 7.1): it never ends in digits with a slash before them, while the slashes of a macro are followed by its
 * "}". So this is the only way to cut.
 */
static const char *find_prefix(const char *spec)
{
	const char *end = spec + strlen(spec), *at = end, *first = end;

	while (at > spec && is_one_of(at[-1], DIGIT "/")) {
		at--;
		if (*at == '/')
			first = at;
	}
	return first;
}

/* "/N" at *at, which is moved behind it. */
static int parse_prefix(struct parser *parser, const char **at, unsigned int max, uint8_t *bits)
{
	const char *digits = *at + 1;
	size_t n = strspn(digits, DIGIT);
	unsigned int value = 0;

	if (n == 0)
		return wrong(parser, "a number is missing after \"/\"");
	if (n > 1 && digits[0] == '0')
		return wrong_part(parser, "the prefix length ", digits, n, " has a leading zero");
	for (size_t i = 0; i < n && value <= max; i++)
		value = value * 10 + (unsigned int)(digits[i] - '0');
	if (value > max) {
		wrong_part(parser, "the prefix length ", digits, n, "");
		return wrong(parser, " is above %u", max);
	}
	*bits = (uint8_t)value;
	*at = digits + n;
	return 0;
}

/* RFC 7208 12: dual-cidr-length, all of `text`. */
static int parse_dual_prefix(struct parser *parser, const char *text, struct spf_term *term)
{
	const char *at = text;

	if (at[0] == '/' && at[1] != '/' && parse_prefix(parser, &at, V4_BITS, &term->cidr4) != 0)
		return -1;
	if (at[0] == '/' && at[1] == '/') {
		at++;
		if (parse_prefix(parser, &at, V6_BITS, &term->cidr6) != 0)
			return -1;
	}
	if (at[0] == '\0')
		return 0;
	return wrong_part(parser, "", text, strlen(text),
	                  " is no prefix length; right are \"/24\", \"//64\", \"/24//64\"");
}

static int parse_domain_spec(struct parser *parser, const char *spec, size_t length)
{
	if (length == 0)
		return wrong(parser, "a domain is missing");
	return spf_macro_check(spec, length, true, &parser->reason);
}

/* What follows the name of include, a, mx, ptr and exists. */
static int parse_domain(struct parser *parser, const struct kind *kind, const char *argument, struct spf_term *term)
{
	const char *spec = argument[0] == ':' ? argument + 1 : NULL;
	const char *prefix = spec != NULL ? find_prefix(spec) : argument;

	if (spec == NULL && kind->argument == MUST_NAME_DOMAIN)
		return wrong(parser, "%s needs %s", kind->name, kind->example);
	if (spec != NULL && parse_domain_spec(parser, spec, (size_t)(prefix - spec)) != 0)
		return -1;
	if (!kind->prefix && prefix[0] != '\0')
		return wrong(parser, "%s takes no prefix length", kind->name);
	if (parse_dual_prefix(parser, prefix, term) != 0)
		return -1;
	term->domain = prefix[0] != '\0' && spec != NULL ? arena_copy(parser->arena, spec, (size_t)(prefix - spec))
	                                                 : spec;
	return 0;
}

static void clear_host_bits(struct net *net)
{
	size_t first = net->bits / 8U;

	for (size_t i = first; i < sizeof(net->ip.octets); i++) {
		unsigned int kept = i == first ? net->bits % 8U : 0;
		net->ip.octets[i] &= (uint8_t)(0xff00U >> kept);
	}
}

/* What follows the name of ip4 and ip6. base/ip.h is too kind here: brackets, and IPv4-mapped becomes IPv4. */
static int parse_network(struct parser *parser, const struct kind *kind, const char *argument, struct spf_term *term)
{
	bool v4 = kind->mechanism == SPF_IP4;
	struct net *net = &term->net;
	char address[IP_TEXT_MAX] = "";
	const char *at;
	size_t length;

	if (argument[0] != ':' || argument[1] == '\0')
		return wrong(parser, "%s needs %s", kind->name, kind->example);
	length = strcspn(argument + 1, "/");
	at = argument + 1 + length;
	if (length < sizeof(address))
		memcpy(address, argument + 1, length);
	if (inet_pton(v4 ? AF_INET : AF_INET6, address, net->ip.octets) != 1)
		return wrong_part(parser, "", argument + 1, length, v4 ? " is no IPv4 address" : " is no IPv6 address");
	net->ip.family = v4 ? 4 : 6;
	net->bits = v4 ? V4_BITS : V6_BITS;
	if (at[0] != '\0' && parse_prefix(parser, &at, net->bits, &net->bits) != 0)
		return -1;
	if (at[0] != '\0')
		return wrong_part(parser, "", at, strlen(at), " after the prefix length is too much");
	clear_host_bits(net);
	return 0;
}

static int parse_argument(struct parser *parser, const struct kind *kind, const char *argument, struct spf_term *term)
{
	if (kind->argument == NETWORK)
		return parse_network(parser, kind, argument, term);
	if (kind->argument != NO_ARGUMENT)
		return parse_domain(parser, kind, argument, term);
	if (argument[0] == '\0')
		return 0;
	return wrong(parser, "%s takes no argument", kind->name);
}

static int wrong_mechanism(struct parser *parser, const char *name, size_t length)
{
	if (name[length] == '=' && length == 0)
		return wrong(parser, "a name is missing before \"=\"");
	if (name[length] == '=' && is_name(name, length))
		return wrong(parser, "a modifier takes no qualifier");
	if (name[length] == '=')
		return wrong_part(parser, "", name, length, " is no name of a modifier");
	if (length == 0)
		return wrong(parser, "the name of a mechanism is missing");
	wrong_part(parser, "there is no mechanism ", name, length, "");
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		if (same_name(name, length, mistakes[i].name))
			return wrong(parser, "; \"%s\" may be meant", mistakes[i].meant);
	}
	return -1;
}

static int parse_directive(struct parser *parser, const char *text)
{
	const char *name = is_one_of(text[0], "+-?~") ? text + 1 : text;
	size_t length = strcspn(name, ":/=");
	struct spf_term term = { .text = text, .qualifier = '+', .cidr4 = V4_BITS, .cidr6 = V6_BITS };
	const struct kind *kind = NULL;

	for (size_t i = 0; i < COUNT(kinds) && kind == NULL; i++) {
		if (name[length] != '=' && same_name(name, length, kinds[i].name))
			kind = &kinds[i];
	}
	if (kind == NULL)
		return wrong_mechanism(parser, name, length);
	if (name != text)
		term.qualifier = text[0];
	term.mechanism = kind->mechanism;
	if (parse_argument(parser, kind, name + length, &term) != 0)
		return -1;
	if (!parser->all)
		parser->terms[parser->record.n_terms++] = term;
	parser->all = parser->all || kind->mechanism == SPF_ALL;
	return 0;
}

/* redirect= and exp= */
static int parse_known_modifier(struct parser *parser, const char *name, const char *spec, const char **into)
{
	if (*into != NULL)
		return wrong(parser, "%s= occurs twice", name);
	if (parse_domain_spec(parser, spec, strlen(spec)) != 0)
		return -1;
	*into = spec;
	return 0;
}

static int parse_term(struct parser *parser, const char *text)
{
	size_t length = strspn(text, NAME_OCTETS);
	const char *value = text + length + 1;

	if (text[length] != '=' || !is_name(text, length))
		return parse_directive(parser, text);
	if (same_name(text, length, "exp"))
		return parse_known_modifier(parser, "exp", value, &parser->record.exp);
	if (!same_name(text, length, "redirect"))
		return spf_macro_check(value, strlen(value), false, &parser->reason);
	if (parse_known_modifier(parser, "redirect", value, &parser->record.redirect) != 0)
		return -1;
	parser->record.redirect_text = text;
	return 0;
}

static void describe_term(struct strbuf *problem, size_t number, const char *text, const struct strbuf *reason)
{
	strbuf_addf(problem, "term %zu ", number);
	add_part(problem, text, strlen(text), SHOWN_TERM_MAX);
	strbuf_add(problem, ": ");
	strbuf_add_octets(problem, reason->text, reason->length - (reason->truncated ? strlen(CUT_MARK) : 0));
	if (reason->truncated)
		strbuf_add(problem, CUT_MARK);
}

int spf_record_parse(struct spf_record *record, const uint8_t *octets, size_t length, struct arena *arena,
                     struct strbuf *problem)
{
	struct parser parser = { .arena = arena };
	struct walk walk = walk_after_version(octets, length);
	char reason[REASON_MAX], *copy;
	size_t n_terms, start, term_length, number = 0;

	*record = (struct spf_record){ 0 };
	if (length > SPF_RECORD_OCTETS_MAX) {
		strbuf_addf(problem, "the record has %zu octets; at most %d are read", length, SPF_RECORD_OCTETS_MAX);
		return -1;
	}
	if (count_terms(octets, length, &n_terms, problem) != 0)
		return -1;
	strbuf_open(&parser.reason, reason, sizeof(reason));
	parser.terms = arena_alloc(arena, n_terms * sizeof(*parser.terms));
	copy = arena_copy(arena, (const char *)octets, length); /* every text of the record is a piece of it */
	while (next_term(&walk, &start, &term_length)) {
		number++;
		copy[start + term_length] = '\0';
		if (parse_term(&parser, copy + start) != 0) {
			describe_term(problem, number, copy + start, &parser.reason);
			return -1;
		}
	}
	if (parser.all)
		parser.record.redirect = parser.record.redirect_text = NULL;
	*record = parser.record;
	record->terms = parser.terms;
	return 0;
}
