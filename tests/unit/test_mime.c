/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mime - which multiparts of a body were opened and closed, however the body is cut, against a reference that has
 * the whole body in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "mail/mime.h"

#define MIXED      "multipart/mixed; boundary=\"abc\""
#define PLAIN      "Content-Type: text/plain\r\n\r\nHello.\r\n"
#define INNER(b)   "Content-Type: multipart/alternative;\r\n boundary=\"" b "\"\r\n\r\n"
#define RFC822     "Content-Type: message/rfc822\r\n\r\n"
#define OCTETS_MAX 8192

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static const char *facts_text(const struct mime_facts *facts, char text[80])
{
	snprintf(text, 80, "%s%s%s%s", facts->no_boundary ? " no_boundary" : "", facts->unopened ? " unopened" : "",
	         facts->unclosed ? " unclosed" : "", facts->too_deep ? " too_deep" : "");
	return text[0] != '\0' ? text + 1 : text;
}

/* Every piece in memory of exactly its size. `piece` 0: random pieces. */
static const char *in_pieces(const char *value, const char *body, size_t octets, size_t piece, char text[80])
{
	struct arena_quota quota = { .max_octets = 1u << 20 };
	struct content_type type;
	struct arena arena;
	struct mime *mime;

	arena_open(&arena, &quota);
	content_type_parse(&type, value, strlen(value));
	mime = mime_open(&type, &arena);
	assert_non_null(mime);
	for (size_t at = 0; at < octets;) {
		size_t n = piece > 0 ? piece : random_below(60);
		if (n > octets - at)
			n = octets - at;
		uint8_t *copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, body + at, n);
		mime_add(mime, copy, n);
		free(copy);
		at += n;
	}
	mime_end(mime);
	assert_true(mime_is_over(mime));
	facts_text(mime_get_facts(mime), text);
	arena_close(&arena);
	return text[0] == ' ' ? text + 1 : text;
}

/* ---- the reference ---- */

struct part {
	char boundary[BOUNDARY_OCTETS_MAX + 1];
	bool opened;
};

struct reference {
	struct mime_facts facts;
	struct part parts[MIME_DEPTH_MAX];
	int depth;
	bool in_header, found;
	char field[OCTETS_MAX];
	struct strbuf value; /* in `field` */
	bool in_field;
};

static void reference_leave(struct reference *reference, bool closed)
{
	const struct part *part = &reference->parts[--reference->depth];

	if (!part->opened)
		reference->facts.unopened = true;
	else if (!closed)
		reference->facts.unclosed = true;
}

static void reference_enter(struct reference *reference, const char *value)
{
	struct content_type type;

	content_type_parse(&type, value, strlen(value));
	if (type.multipart && type.boundary_state != BOUNDARY_FINE)
		reference->facts.no_boundary = true;
	if (!type.multipart || type.boundary_state != BOUNDARY_FINE)
		return;
	if (reference->depth == MIME_DEPTH_MAX) {
		reference->facts.too_deep = true;
		return;
	}
	struct part *part = &reference->parts[reference->depth++];
	*part = (struct part){ .opened = false };
	memcpy(part->boundary, type.boundary, type.boundary_octets);
}

static bool reference_delimiter(struct reference *reference, const char *line)
{
	int found = -1;

	if (strncmp(line, "--", 2) != 0)
		return false;
	for (int i = reference->depth - 1; i >= 0; i--) {
		const char *boundary = reference->parts[i].boundary;
		if (strncmp(line + 2, boundary, strlen(boundary)) == 0 &&
		    (found < 0 || strlen(boundary) > strlen(reference->parts[found].boundary)))
			found = i;
	}
	if (found < 0)
		return false;
	while (reference->depth > found + 1)
		reference_leave(reference, false);
	if (strncmp(line + 2 + strlen(reference->parts[found].boundary), "--", 2) == 0) {
		reference_leave(reference, true);
		reference->in_header = false;
		return true;
	}
	reference->parts[found].opened = true;
	reference->in_header = true;
	reference->found = reference->in_field = false;
	strbuf_open(&reference->value, reference->field, sizeof(reference->field));
	return true;
}

static void reference_line(struct reference *reference, const char *line)
{
	if (reference_delimiter(reference, line) || !reference->in_header)
		return;
	if (line[0] == '\0') {
		reference->in_header = false;
		if (reference->found)
			reference_enter(reference, reference->field);
	} else if (line[0] == ' ' || line[0] == '\t') {
		if (reference->in_field)
			strbuf_add(&reference->value, line);
	} else {
		reference->in_field = !reference->found && strncasecmp(line, "Content-Type:", 13) == 0;
		reference->found |= reference->in_field;
		if (reference->in_field)
			strbuf_add(&reference->value, line + 13);
	}
}

static const char *by_reference(const char *value, const char *body, char text[80])
{
	static struct reference reference;
	const char *end;

	memset(&reference, 0, sizeof(reference));
	reference_enter(&reference, value);
	for (; *body != '\0' && reference.depth > 0; body = *end != '\0' ? end + 1 : end) {
		char line[OCTETS_MAX];
		end = strchrnul(body, '\n');
		size_t octets = (size_t)(end - body);
		memcpy(line, body, octets);
		if (octets > 0 && line[octets - 1] == '\r')
			octets--;
		line[octets] = '\0';
		if (*end == '\n' || octets > 0)
			reference_line(&reference, line);
	}
	while (reference.depth > 0)
		reference_leave(&reference, false);
	return facts_text(&reference.facts, text);
}

static void assert_same_however_cut(const char *value, const char *body)
{
	static const size_t pieces[] = { 1, 2, 7, 1000, 65535, 0 };
	char want[80], text[80];
	const char *wanted = by_reference(value, body, want);

	for (size_t i = 0; i < COUNT(pieces); i++) {
		const char *found = in_pieces(value, body, strlen(body), pieces[i], text);
		if (strcmp(found, wanted) != 0)
			fail_msg("in pieces of %zu: \"%s\", must be \"%s\":\n%s", pieces[i], found, wanted, body);
	}
}

/* ---- bodies ---- */

static const struct {
	const char *what, *body, *want;
} cases[] = {
	{ "one part", "--abc\r\n" PLAIN "--abc--\r\n", "" },
	{ "preamble, two parts, epilogue",
	  "Your reader knows no MIME.\r\n\r\n--abc\r\n" PLAIN "--abc\r\n" PLAIN "--abc--\r\nThe end.\r\n", "" },
	{ "no line end at the end", "--abc\r\n" PLAIN "--abc--", "" },
	{ "LF only", "--abc\nContent-Type: text/plain\n\nHello\n--abc--\n", "" },
	{ "white space behind", "--abc \t \r\n" PLAIN "--abc--  \r\n", "" },
	{ "a part without a header", "--abc\r\n\r\nHello.\r\n--abc--\r\n", "" },
	{ "a part without a body", "--abc\r\nContent-Type: text/plain\r\n--abc--\r\n", "" },
	{ "lines like it", "--ab\r\n-- abc\r\n -abc\r\n--Abc\r\n--abc\r\n" PLAIN "--ab--\r\n---abc--\r\n--abc--\r\n",
	  "" },
	{ "within a line", "--abc\r\n" PLAIN "x--abc--\r\n", "unclosed" },
	{ "never closed", "--abc\r\n" PLAIN, "unclosed" },
	{ "cut in its last line", "--abc\r\n" PLAIN "--abc-", "unclosed" },
	{ "cut in the header", "--abc\r\nContent-Type: text/pl", "unclosed" },
	{ "nothing", "", "unopened" },
	{ "text only", "Hello.\r\n\r\nGood bye.\r\n", "unopened" },
	{ "closed, but never opened", "Hello.\r\n--abc--\r\n", "unopened" },
	{ "what comes behind is of no interest", "--abc\r\n" PLAIN "--abc--\r\n--abc\r\n" INNER("xyz"), "" },
	{ "one inside", "--abc\r\n" INNER("xyz") "--xyz\r\n" PLAIN "--xyz--\r\n--abc\r\n" PLAIN "--abc--\r\n", "" },
	{ "one inside, never closed", "--abc\r\n" INNER("xyz") "--xyz\r\n" PLAIN "--abc--\r\n", "unclosed" },
	{ "one inside, never opened", "--abc\r\n" INNER("xyz") "Hello\r\n--abc--\r\n", "unopened" },
	{ "both never closed", "--abc\r\n" INNER("xyz") "--xyz\r\n" PLAIN, "unclosed" },
	{ "the outer one ends the inner one's header",
	  "--abc\r\n" INNER("xyz") "--xyz\r\nContent-Type: text/plain\r\n"
	                           "--abc--\r\n",
	  "unclosed" },
	{ "a boundary that begins like the outer one's",
	  "--abc\r\n" INNER("abcd") "--abcd\r\n" PLAIN "--abcd--\r\n--abc--\r\n", "" },
	{ "a boundary that the outer one's begins with",
	  "--abc\r\n" INNER("ab") "--ab\r\n" PLAIN "--ab--\r\n--abc--\r\n", "" },
	{ "the same, never opened", "--abc\r\n" INNER("ab") "Hello\r\n--abc--\r\n", "unopened" },
	{ "the same boundary", "--abc\r\n" INNER("abc") "--abc\r\n" PLAIN "--abc--\r\n--abc--\r\n", "" },
	{ "no boundary inside", "--abc\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--abc--\r\n", "no_boundary" },
	{ "an unusable boundary inside", "--abc\r\n" INNER("") "x\r\n--abc--\r\n", "no_boundary" },
	{ "the field of another name", "--abc\r\nX-Content-Type: multipart/mixed\r\n\r\nx\r\n--abc--\r\n", "" },
	{ "the field in another case, folded",
	  "--abc\r\nX-A: b\r\n c\r\ncontent-TYPE:\r\n multipart/mixed\r\n ;\r\n\t"
	  "boundary=x\r\nX-B: c\r\n\r\n--x\r\n\r\n--x--\r\n--abc--\r\n",
	  "" },
	{ "the first field counts",
	  "--abc\r\nContent-Type: text/plain\r\nContent-Type: multipart/mixed\r\n\r\n"
	  "--abc--\r\n",
	  "" },
	{ "a bounce with half a message",
	  "--abc\r\n" RFC822 "Content-Type: multipart/mixed; boundary=xyz\r\n\r\n--xyz\r\n"
	  "--abc--\r\n",
	  "" },
	{ "a line of 2000 octets", "--abc\r\n" PLAIN "%--abc--\r\n--abc--\r\n", "" },
	{ "a field of 2000 octets", "--abc\r\nX-Long: %\r\nContent-Type: multipart/mixed\r\n\r\n\r\n--abc--\r\n",
	  "no_boundary" },
	{ "a long line that begins like one", "--ab%\r\n--abc%\r\n\r\nx\r\n--abc--%\r\n", "" },
};

/* "%" is a long line. */
static void write_body(char body[OCTETS_MAX], const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		const size_t octets = *text == '%' ? 2000 : 1;
		memset(body + n, *text == '%' ? 'x' : *text, octets);
		n += octets;
	}
	body[n] = '\0';
}

static void test_cases(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char body[OCTETS_MAX], text[80];
		write_body(body, cases[i].body);
		const char *found = in_pieces(MIXED, body, strlen(body), 1000, text);
		if (strcmp(found, cases[i].want) != 0)
			fail_msg("%s: \"%s\", must be \"%s\"", cases[i].what, found, cases[i].want);
		assert_same_however_cut(MIXED, body);
	}
}

/* Cut after every octet: what is whole is closed, what is not is not. */
static void test_truncated(void **unused)
{
	static const char body[] = "preamble\r\n--abc\r\n" INNER("xyz") "--xyz\r\n" PLAIN "--xyz--\r\n--abc\r\n" PLAIN
									"--abc--\r\n";
	const size_t open = (size_t)(strstr(body, "--abc\r") - body) + 5, whole = sizeof(body) - 3;

	(void)unused;
	for (size_t octets = 0; octets < sizeof(body); octets++) {
		char text[80];
		const char *found = in_pieces(MIXED, body, octets, 1 + octets % 5, text);
		if (octets < open)
			assert_string_equal(found, "unopened");
		else if (octets < whole)
			assert_non_null(strstr(found, "unclosed"));
		else
			assert_string_equal(found, "");
	}
}

/* As many inside each other as are followed, and one more. */
static void test_depth(void **unused)
{
	(void)unused;
	for (int depth = MIME_DEPTH_MAX - 1; depth <= MIME_DEPTH_MAX + 1; depth++) {
		char body[OCTETS_MAX], text[80];
		struct strbuf buf;
		strbuf_open(&buf, body, sizeof(body));
		strbuf_add(&buf, "--abc\r\n");
		for (int i = 1; i < depth; i++)
			strbuf_addf(&buf, INNER("b%02d") "--b%02d\r\n", i, i);
		strbuf_add(&buf, "\r\nHello.\r\n");
		for (int i = depth - 1; i > 0; i--)
			strbuf_addf(&buf, "--b%02d--\r\n", i);
		strbuf_add(&buf, "--abc--\r\n");
		assert_false(buf.truncated);
		assert_string_equal(in_pieces(MIXED, body, buf.length, 7, text),
		                    depth > MIME_DEPTH_MAX ? "too_deep" : "");
		assert_same_however_cut(MIXED, body);
	}
}

static void test_not_followed(void **unused)
{
	static const char *const values[] = { "text/plain", "multipart/mixed", "multipart/mixed; boundary=\"\"", "" };
	struct arena_quota quota = { .max_octets = 1u << 20 };
	struct arena arena;

	(void)unused;
	arena_open(&arena, &quota);
	for (size_t i = 0; i < COUNT(values); i++) {
		struct content_type type;
		content_type_parse(&type, values[i], strlen(values[i]));
		assert_null(mime_open(&type, &arena));
	}
	arena_close(&arena);
}

/* Pieces of multiparts in any order. */
static void test_random(void **unused)
{
	static const char *const pieces[] = {
		"--abc\r\n",
		"--abc--\r\n",
		"--xyz\r\n",
		"--xyz--\r\n",
		"--abcd\r\n",
		"--abcd--\r\n",
		INNER("xyz"),
		INNER("abcd"),
		INNER("b"),
		"--b",
		"\r\n",
		"\n",
		"\r",
		"-",
		"--",
		"Hello.\r\n",
		PLAIN,
		RFC822,
		" folded\r\n",
		"\t",
		"Content-Type:",
		" multipart/x; boundary=b\r\n",
	};

	(void)unused;
	for (int round = 0; round < 3000; round++) {
		char body[OCTETS_MAX];
		struct strbuf buf;
		strbuf_open(&buf, body, sizeof(body));
		for (uint32_t n = random_below(40); n > 0; n--)
			strbuf_add(&buf, pieces[random_below(COUNT(pieces))]);
		assert_false(buf.truncated);
		assert_same_however_cut(MIXED, body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),  cmocka_unit_test(test_truncated),    cmocka_unit_test(test_depth),
		cmocka_unit_test(test_random), cmocka_unit_test(test_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
