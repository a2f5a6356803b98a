/* SPDX-License-Identifier: BSD-2-Clause */
#include "milter/words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/strbuf.h"

const char *words_authserv_id(const char *configured, const char *mta_name, char host[WORDS_HOST_MAX])
{
	if (*configured)
		return configured;
	if (mta_name && *mta_name)
		return mta_name;
	snprintf(host, WORDS_HOST_MAX, "localhost");
	host[WORDS_HOST_MAX - 1] = '\0';
	(void)gethostname(host, WORDS_HOST_MAX - 1);
	return host;
}

char *words_as_format(const char *text)
{
	char *format = memory_new(2 * strlen(text) + 1);
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '%')
			format[n++] = '%';
		format[n++] = *c;
	}
	return format;
}

char *words_with_space(const char *value)
{
	const size_t octets = strlen(value);
	char *spaced = memory_new(octets + 2);

	spaced[0] = ' ';
	memcpy(spaced + 1, value, octets);
	return spaced;
}

const char *words_client_name(const char *macro, const char *hostname)
{
	const char *name = macro ? macro : hostname;

	return name && *name != '[' ? name : NULL;
}

const char *words_refusal(const char *mailer, const char *host)
{
	if (!mailer || strcmp(mailer, "error") != 0 || !host)
		return NULL;
	return (host[0] == '4' || host[0] == '5') && host[1] == '.' ? host : NULL;
}

const char *words_shown(const char *text, char *shown, size_t size)
{
	struct strbuf clean;

	strbuf_open(&clean, shown, size);
	strbuf_add_clean(&clean, text, NULL, size - 1);
	return shown;
}

void words_hold_reason(char *reason, size_t size, int score_milli, const char *sid)
{
	char points[32];
	struct strbuf text;

	strbuf_open(&text, points, sizeof(points));
	strbuf_add_points(&text, score_milli);
	snprintf(reason, size, "mailreeve: score %s, id %s", points, sid);
}
