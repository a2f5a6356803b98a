/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The check format with whole messages, as the MTA hands them on: which facts are stated, with which details, however
 * the body is cut.
 */
#include <strings.h>
#include <time.h>

#include "check_rig.h"
#include "format_cases.h"

#define MESSAGE_MAX 65536

/* Dates in the table stay what they are. */
#define ANY_PAST   "format.date_past_days=36500"
#define ANY_FUTURE "format.date_future_hours=876000"

struct message {
	char text[MESSAGE_MAX]; /* the header's lines end in LF, its folding is LF, too */
	size_t header_octets, octets;
};

/* ---- a message from a text of the table ---- */

static void add(struct message *message, char octet, size_t n)
{
	assert_true(message->octets + n < MESSAGE_MAX);
	memset(message->text + message->octets, octet, n);
	message->octets += n;
}

static void add_octet(struct message *message, const struct format_case *wanted, char octet, bool in_body)
{
	if (octet == '\x01') {
		add(message, 'x', 1000);
		return;
	}
	if (wanted->raw && octet == '\x02')
		octet = '\0';
	else if (wanted->raw && octet == '\x03')
		octet = '\n';
	else if (!wanted->raw && octet == '\n' && in_body)
		add(message, '\r', 1);
	add(message, octet, 1);
}

static void write_message(struct message *message, const struct format_case *wanted)
{
	const char *text = wanted->message, *body = strncmp(text, "\n", 1) == 0 ? text : strstr(text, "\n\n");
	const char *end = body != NULL ? body + 1 : text + strlen(text);

	message->octets = 0;
	for (const char *at = text; at < end; at++)
		add_octet(message, wanted, *at, false);
	message->header_octets = message->octets;
	for (const char *at = body != NULL ? end + 1 : end; *at != '\0'; at++)
		add_octet(message, wanted, *at, true);
	message->text[message->octets] = '\0';
}

/* ---- the engine's part ---- */

static void tap_field(struct rig *rig, const char *name, const char *value)
{
	struct subject *subject = &rig->subject;

	if (strcasecmp(name, "From") == 0 && subject->n_from++ < SUBJECT_FROM_MAX) {
		struct author *author = arena_alloc(&rig->arena, sizeof(*author));
		author_parse(author, value, &rig->arena);
		subject->from[subject->n_from - 1] = author;
	}
	rig->runs[0].part->header(&rig->runs[0], name, value);
}

static void tap_header(struct rig *rig, const char *at, const char *end)
{
	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at)), *colon = memchr(at, ':', (size_t)(end - at));
		while (next != NULL && next + 1 < end && (next[1] == ' ' || next[1] == '\t'))
			next = memchr(next + 1, '\n', (size_t)(end - next - 1));
		next = next != NULL ? next : end;
		if (colon != NULL && colon < next) {
			char *name = strndup(at, (size_t)(colon - at));
			char *value = strndup(colon + 1, (size_t)(next - colon - 1));
			tap_field(rig, name, value);
			free(name);
			free(value);
		}
		at = next + 1;
	}
}

static void tap_body(struct rig *rig, const char *octets, size_t length, size_t piece)
{
	struct check_run *run = &rig->runs[0];

	for (size_t at = 0; at < length && run->part->wants_body(run); at += piece) {
		const size_t n = length - at < piece ? length - at : piece;
		uint8_t *copy = malloc(n); /* of exactly its size: reading beyond it is noticed */
		assert_non_null(copy);
		memcpy(copy, octets + at, n);
		run->part->body(run, copy, n);
		free(copy);
	}
}

static void open_rig(struct rig *rig, const struct format_case *wanted, bool any_date)
{
	static const char *const checks[] = { "format", NULL };
	const char *overrides[6] = { NULL };
	struct err err = { "" };
	size_t n = 0;

	for (size_t i = 0; i < COUNT(wanted->options) && wanted->options[i] != NULL; i++)
		overrides[n++] = wanted->options[i];
	if (any_date) {
		overrides[n++] = ANY_PAST;
		overrides[n++] = ANY_FUTURE;
	}
	if (rig_configure(rig, checks, overrides, &err) != 0)
		fail_msg("%s: %s", wanted->what, err.text);
	rig_prepare(rig, "");
	rig_open_dns(rig);
	address_parse(&rig->subject.mail_from, wanted->null_sender ? "<>" : "<alice@example.net>", &rig->arena);
	rig->subject.smtputf8 = wanted->smtputf8;
	rig->subject.declared_octets = wanted->declared_octets;
}

static void play(struct rig *rig, const struct message *message, size_t piece)
{
	struct check_run *run = &rig->runs[0];

	rig_start(rig, STAGE_HEADERS);
	assert_int_equal(rig->n_runs, 1);
	assert_int_equal(rig_collect(rig, false), 1);
	tap_header(rig, message->text, message->text + message->header_octets);
	run->part->headers_end(run);
	assert_int_equal(rig_collect(rig, false), 1);
	tap_body(rig, message->text + message->header_octets, message->octets - message->header_octets, piece);
	run->part->body_end(run);
	rig_start(rig, STAGE_EOM);
	assert_int_equal(rig_collect(rig, false), 0);
}

/* ---- tests ---- */

static void test_cases(void **unused)
{
	static const size_t pieces[] = { 1, 2, 7, 1000, 65535 };
	struct message *message = malloc(sizeof(*message));
	size_t wrong = 0;

	(void)unused;
	assert_non_null(message);
	for (size_t i = 0; i < COUNT(format_cases); i++) {
		write_message(message, &format_cases[i]);
		for (size_t p = 0; p < COUNT(pieces); p++) {
			char text[RIG_TEXT_MAX];
			struct rig rig;
			open_rig(&rig, &format_cases[i], true);
			play(&rig, message, pieces[p]);
			if (strcmp(rig_text(&rig, text), format_cases[i].want) != 0) {
				print_error("%s, in pieces of %zu: %s; must be: %s\n", format_cases[i].what, pieces[p],
				            text, format_cases[i].want);
				wrong++;
			}
			rig_close(&rig);
		}
	}
	free(message);
	assert_int_equal(wrong, 0);
}

/* Every fact is stated by some message of the table, but for those that need a clock and those that no MTA shows. */
static void test_every_fact_has_a_case(void **unused)
{
	static const char *const others[] = { "format.date_past", "format.date_future" };
	static const char *const checks[] = { "format", NULL };
	struct err err = { "" };
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, NULL, &err), 0);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++) {
		const char *name = catalogue_info(rig.catalogue, id)->name;
		bool found = strcmp(name, others[0]) == 0 || strcmp(name, others[1]) == 0;
		for (size_t i = 0; !found && i < COUNT(format_cases); i++) {
			const char *at = strstr(format_cases[i].want, name);
			found = at != NULL && strchr(" (", at[strlen(name)]) != NULL;
		}
		if (!found)
			fail_msg("no message states %s", name);
	}
	rig_close(&rig);
}

/* Now, and so many seconds later. */
static void write_dated(struct message *message, long offset_s, const char *more)
{
	char text[512], date[64];
	const time_t at = time(NULL) + offset_s;
	struct tm parts;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&at, &parts));
	snprintf(text, sizeof(text), FROM TO SUBJECT ID "Date: %s\n%s" BODY, date, more);
	write_message(message, &(struct format_case){ .message = text });
}

static void test_dates(void **unused)
{
	enum { HOUR = 3600, DAY = 86400, MINUTES = 600 }; /* the test itself may take some */
	static const struct {
		long offset_s;
		const char *more, *options[2], *want;
	} cases[] = {
		{ 0, "", { NULL }, "" },
		{ -29 * DAY, "", { NULL }, "" },
		{ 23 * HOUR, "", { NULL }, "" },
		{ -31 * DAY - MINUTES, "", { NULL }, "format.date_past(31 days)" },
		{ -31 * DAY, "Resent-Date: Fri, 20 Nov 2026 10:00:00 +0000\n", { NULL }, "" },
		{ 48 * HOUR + MINUTES, "", { NULL }, "format.date_future(48 hours)" },
		{ -2 * DAY - MINUTES, "", { "format.date_past_days=1" }, "format.date_past(2 days)" },
		{ 2 * HOUR + MINUTES, "", { "format.date_future_hours=1" }, "format.date_future(2 hours)" },
		{ 48 * HOUR, "", { "format.date_future_hours=72" }, "" },
	};
	struct message *message = malloc(sizeof(*message));

	(void)unused;
	assert_non_null(message);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct format_case wanted = { .what = "date", .options = { cases[i].options[0] } };
		char text[RIG_TEXT_MAX];
		struct rig rig;
		write_dated(message, cases[i].offset_s, cases[i].more);
		open_rig(&rig, &wanted, false);
		play(&rig, message, 1000);
		assert_string_equal(rig_text(&rig, text), cases[i].want);
		rig_close(&rig);
	}
	free(message);
}

/* The MTA folds with LF; a CR before it is none of the sender's. LF before anything else was one. */
static void test_lines_of_a_field(void **unused)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ " a\n b\n\tc", "" },
		{ " a\r\n b\r\n\tc", "" },
		{ " a\n b\n", "" },
		{ " a\r\n", "" },
		{ " a\nb", "format.bare_lf(header)" },
		{ " a\n\n b", "format.bare_lf(header)" },
		{ " a\rb\n c", "format.bare_cr(header)" },
		{ " a\r\r\n b", "format.bare_cr(header)" },
		{ " a\r", "format.bare_cr(header)" },
	};
	struct message *message = malloc(sizeof(*message));

	(void)unused;
	assert_non_null(message);
	write_message(message, &(struct format_case){ .message = HEADER BODY });
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct format_case wanted = { .what = "field" };
		struct check_run *run;
		char text[RIG_TEXT_MAX];
		struct rig rig;
		open_rig(&rig, &wanted, true);
		rig_start(&rig, STAGE_HEADERS);
		run = &rig.runs[0];
		tap_header(&rig, message->text, message->text + message->header_octets);
		run->part->header(run, "X-Field", cases[i].value);
		run->part->headers_end(run);
		tap_body(&rig, "x\r\n", 3, 3);
		run->part->body_end(run);
		rig_start(&rig, STAGE_EOM);
		assert_int_equal(rig_collect(&rig, false), 0);
		assert_string_equal(rig_text(&rig, text), cases[i].want);
		rig_close(&rig);
	}
	free(message);
}

/* What is open at the end of the headers is only what the body can say. */
static void test_may_state(void **unused)
{
	static const struct format_case plain = { .what = "plain" };
	static const char *const left[] = { "format.bare_cr",        "format.bare_lf",   "format.nul",
		                            "format.body_long_line", "format.body_8bit", "format.empty_body" };
	struct message *message = malloc(sizeof(*message));
	struct factset may;
	struct rig rig;
	size_t n = 0;

	(void)unused;
	assert_non_null(message);
	write_message(message, &(struct format_case){ .message = HEADER BODY });
	open_rig(&rig, &plain, true);
	rig_may_state(&rig, &may);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		assert_true(factset_has(&may, id));
	rig_start(&rig, STAGE_HEADERS);
	tap_header(&rig, message->text, message->text + message->header_octets);
	rig.runs[0].part->headers_end(&rig.runs[0]);
	rig_collect(&rig, false);
	rig_may_state(&rig, &may);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		n += factset_has(&may, id);
	assert_int_equal(n, COUNT(left));
	for (size_t i = 0; i < COUNT(left); i++)
		assert_true(factset_has(&may, catalogue_find(rig.catalogue, left[i])));
	rig_collect(&rig, true);
	rig_close(&rig);
	free(message);
}

/* Given up before the end: what only the end tells is not stated. */
static void test_closing(void **unused)
{
	static const struct format_case plain = { .what = "closing", .declared_octets = 1000000 };
	struct message *message = malloc(sizeof(*message));
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)unused;
	assert_non_null(message);
	write_message(message, &(struct format_case){ .message = FROM FROM TO DATE ID PARTS BODY });
	open_rig(&rig, &plain, true);
	rig_start(&rig, STAGE_HEADERS);
	tap_header(&rig, message->text, message->text + message->header_octets);
	rig.runs[0].part->headers_end(&rig.runs[0]);
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "format.from_several(2)");
	rig_close(&rig);
	free(message);
}

/* Messages of the table with octets replaced: however they are cut, the same is stated. */
static void test_mutated(void **unused)
{
	static const char octets[] = "\r\n\n: -=?\"<>@;(\x80\xc3";
	static const size_t pieces[] = { 1, 7, 65535 };
	struct message *message = malloc(sizeof(*message));
	uint64_t seed = 1;

	(void)unused;
	assert_non_null(message);
	for (int round = 0; round < 600; round++) {
		const struct format_case *wanted = &format_cases[(size_t)round % COUNT(format_cases)];
		char first[RIG_TEXT_MAX], text[RIG_TEXT_MAX];
		write_message(message, wanted);
		for (int n = 0; n < 8 && message->octets > 0; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			message->text[(seed >> 33) % message->octets] = octets[(seed >> 20) % (sizeof(octets) - 1)];
		}
		for (size_t p = 0; p < COUNT(pieces); p++) {
			struct rig rig;
			open_rig(&rig, wanted, true);
			play(&rig, message, pieces[p]);
			rig_text(&rig, p == 0 ? first : text);
			if (p > 0)
				assert_string_equal(text, first);
			rig_close(&rig);
		}
	}
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),     cmocka_unit_test(test_every_fact_has_a_case),
		cmocka_unit_test(test_dates),     cmocka_unit_test(test_lines_of_a_field),
		cmocka_unit_test(test_may_state), cmocka_unit_test(test_closing),
		cmocka_unit_test(test_mutated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
