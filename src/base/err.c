/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list arguments;

	if (err == NULL)
		return -1;
	/* Not straight into err->text: a caller that adds context passes the old text as an argument. */
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	memcpy(err->text, text, strlen(text) + 1);
	return -1;
}
