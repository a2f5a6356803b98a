/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/cfws.h"

#include <stddef.h>

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

const char *cfws_skip(const char *at, const char *end)
{
	while (at < end) {
		const char *beyond = NULL;
		if (cfws_is_space(*at))
			beyond = at + 1;
		else if (*at == '(')
			beyond = skip_comment(at, end);
		if (beyond == NULL)
			break;
		at = beyond;
	}
	return at;
}
