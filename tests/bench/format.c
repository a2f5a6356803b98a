/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format - how fast the body goes through what the check format does with it, beside memchr() in the same run.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "mail/lines.h"
#include "mail/mime.h"

#define OCTETS (1 << 24)
#define CHUNK  65535
#define ROUNDS 20

static uint8_t text[OCTETS];

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, const char *how, double began)
{
	printf("%-16s %-12s %8.0f MB/s\n", what, how, (double)OCTETS * ROUNDS / (now_s() - began) / 1e6);
}

static size_t run_memchr(void)
{
	size_t found = 0;

	for (int octet = 0; octet < ROUNDS; octet++)
		found += memchr(text, 0xe0 + octet, OCTETS) != NULL;
	return found;
}

static size_t run_lines(void)
{
	struct lines lines;

	lines_open(&lines);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t at = 0; at < OCTETS; at += CHUNK)
			lines_add(&lines, text + at, OCTETS - at < CHUNK ? OCTETS - at : CHUNK);
	}
	return lines.longest_octets;
}

static size_t run_mime(void)
{
	static const char value[] = " multipart/mixed; boundary=\"----=_Part_1\"";
	struct arena_quota quota = { .max_octets = 1u << 20 };
	struct content_type type;
	struct arena arena;
	struct mime *mime;

	arena_open(&arena, &quota);
	content_type_parse(&type, value, sizeof(value) - 1);
	mime = mime_open(&type, &arena);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t at = 0; at < OCTETS; at += CHUNK)
			mime_add(mime, text + at, OCTETS - at < CHUNK ? OCTETS - at : CHUNK);
	}
	const size_t opened = !mime_get_facts(mime)->unopened;
	arena_close(&arena);
	return opened;
}

static void fill(const char *line)
{
	const size_t octets = strlen(line);

	for (size_t i = 0; i < OCTETS; i++)
		text[i] = (uint8_t)line[i % octets];
}

int main(void)
{
	static const struct {
		const char *what, *line;
	} bodies[] = {
		{ "base64", "QmFzZTY0IGlzIHdoYXQgbW9zdCBvZiBhbGwgbWFpbCBjb25zaXN0cyBvZiwgc28gaXQgbWF0dGVy\r\n" },
		{ "short lines", "Hi,\r\n\r\nthis is it.\r\n\r\nBye\r\n\r\n" },
		{ "one line", "x" },
		{ "dashes", "--\r\n" },
		{ "long dashes", "------------------------------------------------------------------------\r\n" },
	};
	size_t sum = 0;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		fill(bodies[i].line);
		double began = now_s();
		sum += run_memchr();
		report(bodies[i].what, "memchr", began);
		began = now_s();
		sum += run_lines();
		report(bodies[i].what, "lines", began);
		began = now_s();
		sum += run_mime();
		report(bodies[i].what, "mime", began);
	}
	return sum == 0; /* so that nothing is optimised away */
}
