/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/macro.h"

#include <string.h>

#include "spf/macro_internal.h"

#define LETTERS             "slodipvhcrt"
#define LETTERS_EXPLANATION "crt" /* RFC 7208 7.2: in explanations only */
#define EXCERPT_OCTETS_MAX  60    /* of a stranger's text in a problem */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

unsigned spf_delimiter_bit(char c)
{
	switch (c) {
	case '.':
		return 1;
	case '-':
		return 2;
	case '+':
		return 4;
	case ',':
		return 8;
	case '/':
		return 16;
	case '_':
		return 32;
	case '=':
		return 64;
	default:
		return 0;
	}
}

/* The digits at `at`. A number that no counter holds is as good as the largest: nothing has that many parts. */
static size_t read_number(const char **at, const char *end)
{
	size_t number = 0;

	for (; *at < end && is_digit(**at); (*at)++) {
		size_t digit = (size_t)(**at - '0');
		number = number > (SIZE_MAX - digit) / 10 ? SIZE_MAX : number * 10 + digit;
	}
	return number;
}

/* What follows the letter: transformers, delimiters, "}". */
static enum spf_macro_fault read_transformers(struct spf_macro *macro, const char **at, const char *end)
{
	if (*at < end && is_digit(**at)) {
		const char *number = *at;
		macro->parts = read_number(at, end);
		if (macro->parts == 0) {
			*at = number;
			return SPF_MACRO_ZERO;
		}
	}
	if (*at < end && lower(**at) == 'r') {
		macro->reversed = true;
		(*at)++;
	}
	for (; *at < end && spf_delimiter_bit(**at) != 0; (*at)++)
		macro->delimiters |= spf_delimiter_bit(**at);
	if (*at == end)
		return SPF_MACRO_UNCLOSED;
	if (**at != '}')
		return SPF_MACRO_STRAY;
	(*at)++;
	if (macro->delimiters == 0)
		macro->delimiters = spf_delimiter_bit('.');
	return SPF_MACRO_FINE;
}

enum spf_macro_fault spf_macro_read(struct spf_macro *macro, const char *text, const char *end)
{
	char kind = end - text < 2 ? '\0' : text[1];
	const char *at;
	enum spf_macro_fault fault;

	*macro = (struct spf_macro){ .octets = 2, .parts = SIZE_MAX };
	if (kind == '%' || kind == '_' || kind == '-') {
		macro->plain = kind == '%' ? "%" : kind == '_' ? " " : "%20";
		return SPF_MACRO_FINE;
	}
	if (kind != '{')
		return SPF_MACRO_PERCENT;
	at = text + 2;
	if (at == end)
		return SPF_MACRO_UNCLOSED;
	macro->letter = lower(*at);
	macro->url = *at >= 'A' && *at <= 'Z';
	if (macro->letter == '\0' || strchr(LETTERS, macro->letter) == NULL)
		return SPF_MACRO_LETTER;
	at++;
	fault = read_transformers(macro, &at, end);
	macro->octets = (size_t)(at - text);
	return fault;
}

/* A stranger's text, quoted. */
static void add_excerpt(struct strbuf *problem, const char *text, size_t length)
{
	size_t shown = length > EXCERPT_OCTETS_MAX ? EXCERPT_OCTETS_MAX : length;

	strbuf_add(problem, "\"");
	for (size_t i = 0; i < shown; i++) {
		const char octet[] = { text[i], '\0' };
		if (text[i] == '\0')
			strbuf_add(problem, "\\x00");
		else
			strbuf_add_clean(problem, octet, "\"", 4);
	}
	strbuf_add(problem, shown < length ? "...\"" : "\"");
}

static void say_octet(struct strbuf *problem, char octet)
{
	if (octet == ' ')
		strbuf_add(problem, "a space cannot stand there: write \"%_\" for one");
	else if ((unsigned char)octet > 0x7f)
		strbuf_addf(problem, "the octet \\x%02x is not ASCII", (unsigned)(unsigned char)octet);
	else
		strbuf_addf(problem, "the octet \\x%02x is a control character", (unsigned)(unsigned char)octet);
}

static void say_letter(struct strbuf *problem, const char *letter)
{
	if (*letter == '}') {
		strbuf_add(problem, "\"%{}\" has no macro letter");
		return;
	}
	strbuf_add(problem, "there is no macro letter ");
	add_excerpt(problem, letter, 1);
}

static void say_fault(struct strbuf *problem, enum spf_macro_fault fault, const struct spf_macro *macro,
                      const char *text, const char *end)
{
	size_t left = (size_t)(end - text);

	switch (fault) {
	case SPF_MACRO_PERCENT:
		add_excerpt(problem, text, left < 2 ? left : 2);
		strbuf_add(problem, " is none of \"%{\", \"%%\", \"%_\", \"%-\"");
		break;
	case SPF_MACRO_LETTER:
		say_letter(problem, text + macro->octets);
		break;
	case SPF_MACRO_ZERO:
		add_excerpt(problem, text, macro->octets + 1);
		strbuf_add(problem, " keeps 0 parts: the number must be 1 or more");
		break;
	case SPF_MACRO_STRAY:
		add_excerpt(problem, text + macro->octets, 1);
		strbuf_add(problem, " cannot follow ");
		add_excerpt(problem, text, macro->octets);
		strbuf_add(problem, ": after the letter come digits, \"r\", delimiters (. - + , / _ =) and \"}\"");
		break;
	case SPF_MACRO_UNCLOSED:
		add_excerpt(problem, text, left);
		strbuf_add(problem, " has no \"}\"");
		break;
	case SPF_MACRO_FINE:
		break;
	}
}

/* RFC 7208 7.1: letters, digits and inner hyphens, and not digits only. */
static bool is_toplabel(const char *label, size_t length)
{
	bool more_than_digits = false;

	for (size_t i = 0; i < length; i++) {
		if (!is_alpha(label[i]) && !is_digit(label[i]) && label[i] != '-')
			return false;
		more_than_digits = more_than_digits || !is_digit(label[i]);
	}
	return more_than_digits && label[0] != '-' && label[length - 1] != '-';
}

static bool is_number(const char *label, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(label[i]))
			return false;
	}
	return length > 0;
}

static int say_end(struct strbuf *problem, const char *text, const char *end, const char *label, size_t length)
{
	if (text == end) {
		strbuf_add(problem, "the domain name is empty");
		return -1;
	}
	add_excerpt(problem, text, (size_t)(end - text));
	strbuf_add(problem, " does not end in a top-level label: ");
	if (label == NULL) {
		strbuf_add(problem, "there is no dot before its last label");
	} else if (length == 0) {
		strbuf_add(problem, "its last label is empty");
	} else {
		add_excerpt(problem, label, length);
		strbuf_add(problem, is_number(label, length) ? " is a number (an address needs \"ip4:\")"
		                                             : " is not made of letters, digits and inner hyphens");
	}
	return -1;
}

/* RFC 7208 7.1, domain-end. `tail` is what follows the last macro-expand, or all of the text. */
static int check_end(const char *text, const char *tail, const char *end, struct strbuf *problem)
{
	const char *stop = end > tail && end[-1] == '.' ? end - 1 : end;
	const char *dot = tail < stop ? memrchr(tail, '.', (size_t)(stop - tail)) : NULL;
	const char *label = dot != NULL ? dot + 1 : NULL;

	if (tail == end && tail > text)
		return 0;
	if (label != NULL && is_toplabel(label, (size_t)(stop - label)))
		return 0;
	return say_end(problem, text, end, label, label != NULL ? (size_t)(stop - label) : 0);
}

int spf_macro_check(const char *text, size_t length, bool domain_spec, struct strbuf *problem)
{
	const char *end = text + length, *tail = text;
	struct spf_macro macro;

	for (const char *at = text; at < end;) {
		if (*at != '%') {
			if (*at < (domain_spec ? 0x21 : 0x20) || *at > 0x7e) {
				say_octet(problem, *at);
				return -1;
			}
			at++;
			continue;
		}
		enum spf_macro_fault fault = spf_macro_read(&macro, at, end);
		if (fault != SPF_MACRO_FINE) {
			say_fault(problem, fault, &macro, at, end);
			return -1;
		}
		if (domain_spec && macro.plain == NULL && strchr(LETTERS_EXPLANATION, macro.letter) != NULL) {
			strbuf_addf(problem, "the macro letter \"%c\" is allowed in explanations only", macro.letter);
			return -1;
		}
		at += macro.octets;
		tail = at;
	}
	return domain_spec ? check_end(text, tail, end, problem) : 0;
}

bool spf_macro_uses(const char *text, char letter)
{
	const char *end = text + strlen(text);
	struct spf_macro macro;

	for (const char *at = text; at < end;) {
		if (*at != '%' || spf_macro_read(&macro, at, end) != SPF_MACRO_FINE) {
			at++;
			continue;
		}
		if (macro.plain == NULL && macro.letter == lower(letter))
			return true;
		at += macro.octets;
	}
	return false;
}
