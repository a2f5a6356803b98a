/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config_token.h"

#include <stdbool.h>
#include <string.h>

#define INCLUDE_WORD "@include"

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static bool is_hex_digit(char octet)
{
	return is_digit(octet) || (octet >= 'a' && octet <= 'f') || (octet >= 'A' && octet <= 'F');
}

static bool is_name_start(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || octet == '*';
}

static bool is_name_octet(char octet)
{
	return is_name_start(octet) || is_digit(octet) || octet == '-' || octet == '_';
}

static const char *skip_digits(const char *at)
{
	while (is_digit(*at))
		at++;
	return at;
}

static const char *skip_suffix(const char *at)
{
	for (int i = 0; i < 2 && *at == 'L'; i++)
		at++;
	return at;
}

static const char *skip_exponent(const char *at)
{
	const char *digits = at + 1;

	if (*at != 'e' && *at != 'E')
		return at;
	if (*digits == '+' || *digits == '-')
		digits++;
	return is_digit(*digits) ? skip_digits(digits) : at;
}

/* The end of the number that begins at `at`, or `at` itself. */
static const char *skip_number(const char *at)
{
	const char *digits = at + (*at == '+' || *at == '-');
	const char *end = skip_digits(digits);

	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && is_hex_digit(at[2])) {
		for (at += 2; is_hex_digit(*at); at++)
			;
		return skip_suffix(at);
	}
	if (*end == '.')
		return skip_exponent(skip_digits(end + 1));
	if (end == digits)
		return at;
	return skip_exponent(end) != end ? skip_exponent(end) : skip_suffix(end);
}

static struct token string_at(const char *at)
{
	const char *end = at + 1;

	while (*end != '\0' && *end != '"')
		end += *end == '\\' && (end[1] == '\\' || end[1] == '"') ? 2 : 1;
	if (*end == '\0')
		return (struct token){ TOKEN_OPEN_STRING, at, (size_t)(end - at) };
	return (struct token){ TOKEN_STRING, at, (size_t)(end + 1 - at) };
}

static struct token comment_at(const char *at)
{
	const char *end;

	if (at[1] != '*')
		return (struct token){ TOKEN_SPACE, at, strcspn(at, "\n") };
	end = strstr(at + 2, "*/");
	if (end == NULL)
		return (struct token){ TOKEN_OPEN_COMMENT, at, strlen(at) };
	return (struct token){ TOKEN_SPACE, at, (size_t)(end + 2 - at) };
}

/* Length of the directive that begins at the line's start `at`; 0: none. */
static size_t include_length(const char *at)
{
	const char *word = at + strspn(at, " \t");
	const char *quote;
	struct token file;

	if (strncmp(word, INCLUDE_WORD, strlen(INCLUDE_WORD)) != 0)
		return 0;
	word += strlen(INCLUDE_WORD);
	quote = word + strspn(word, " \t");
	if (quote == word || *quote != '"')
		return 0;
	file = string_at(quote);
	if (file.type != TOKEN_STRING || memchr(file.at, '\n', file.length) != NULL)
		return 0;
	return (size_t)(file.at + file.length - at);
}

struct token token_at(const char *text, const char *at)
{
	size_t length;

	if (*at == '\0')
		return (struct token){ TOKEN_END, at, 0 };
	if ((at == text || at[-1] == '\n') && (length = include_length(at)) > 0)
		return (struct token){ TOKEN_INCLUDE, at, length };
	if (*at == '\n') /* alone, so that the next token is seen to begin a line */
		return (struct token){ TOKEN_SPACE, at, 1 };
	if ((length = strspn(at, " \t\r\f")) > 0)
		return (struct token){ TOKEN_SPACE, at, length };
	if (*at == '#' || (*at == '/' && (at[1] == '/' || at[1] == '*')))
		return comment_at(at);
	if (*at == '"')
		return string_at(at);
	if (is_name_start(*at)) {
		for (length = 1; is_name_octet(at[length]); length++)
			;
		return (struct token){ TOKEN_NAME, at, length };
	}
	length = (size_t)(skip_number(at) - at);
	if (length > 0)
		return (struct token){ TOKEN_NUMBER, at, length };
	return (struct token){ TOKEN_SIGN, at, 1 };
}
