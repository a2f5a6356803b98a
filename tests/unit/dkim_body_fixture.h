/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_body_fixture - both canonicalisations of a body (RFC 6376 3.4.3, 3.4.4), slow and plainly right.
 */
#ifndef MAILREEVE_TESTS_DKIM_BODY_FIXTURE_H
#define MAILREEVE_TESTS_DKIM_BODY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct octets {
	uint8_t *at;
	size_t n;
};

/*
 * ---- the slow implementation: lines are cut out first, then each is rewritten, then the empty ones at the end go ----
 */

static inline void append(struct octets *out, const char *text, size_t n)
{
	memcpy(out->at + out->n, text, n);
	out->n += n;
}

static inline bool is_wsp(uint8_t octet)
{
	return octet == ' ' || octet == '\t';
}

static inline void append_line(struct octets *out, const uint8_t *line, size_t n, bool relaxed)
{
	if (!relaxed) {
		append(out, (const char *)line, n);
		return;
	}
	while (n > 0 && is_wsp(line[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (!is_wsp(line[i]))
			append(out, (const char *)line + i, 1);
		else if (i == 0 || !is_wsp(line[i - 1]))
			append(out, " ", 1);
	}
}

static inline size_t line_length(const uint8_t *at, size_t n)
{
	size_t i = 0;

	while (i < n && !(at[i] == '\r' && i + 1 < n && at[i + 1] == '\n'))
		i++;
	return i;
}

/* `out` has room for n + 2 octets. */
static inline void canonise_slowly(struct octets *out, const uint8_t *body, size_t n, bool relaxed)
{
	size_t filled = 0; /* up to the last line that is not empty */

	out->n = 0;
	while (n > 0) {
		size_t line = line_length(body, n), before = out->n;
		append_line(out, body, line, relaxed);
		bool is_empty = out->n == before;
		append(out, "\r\n", 2);
		if (!is_empty)
			filled = out->n;
		body += line;
		n -= line;
		if (n > 0) {
			body += 2;
			n -= 2;
		}
	}
	out->n = filled;
	if (out->n == 0 && !relaxed)
		append(out, "\r\n", 2);
}

static inline bool is_damaged_slowly(const uint8_t *body, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (body[i] == '\0' || (body[i] == '\r' && (i + 1 == n || body[i + 1] != '\n')) ||
		    (body[i] == '\n' && (i == 0 || body[i - 1] != '\r')))
			return true;
	}
	return false;
}

#endif
