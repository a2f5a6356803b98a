/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_token - the words of libconfig's language, as far as we must know them before libconfig reads the text.
 *
 * Threads: pure. Owns nothing: tokens point into the text.
 */
#ifndef MAILREEVE_CONFIG_CONFIG_TOKEN_H
#define MAILREEVE_CONFIG_CONFIG_TOKEN_H

#include <stddef.h>

enum token_type {
	TOKEN_END,
	TOKEN_SPACE, /* spaces, newlines and comments */
	TOKEN_NAME,  /* also true and false */
	TOKEN_NUMBER,
	TOKEN_STRING,      /* with its quotes */
	TOKEN_INCLUDE,     /* @include "FILE", from the line's beginning to the closing quote */
	TOKEN_SIGN,        /* any other single octet */
	TOKEN_OPEN_STRING, /* a string without its closing quote */
	TOKEN_OPEN_COMMENT,
};

struct token {
	enum token_type type;
	const char *at;
	size_t length;
};

/* The token at `at`, which points into the terminated `text`. */
struct token token_at(const char *text, const char *at);

#endif
