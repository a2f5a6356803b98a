/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format - is the message written as RFC 5322 and MIME want it?
 *
 * Software that sends mail for people gets these things right, or wrong in few and well-known ways; software that was
 * made to send spam often does not. No fact here says more than that: points are small, and a group caps them.
 * What follows from the header is stated when it has ended, what follows from the body at its end. Of the message no
 * more is kept than the line that is being read.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "checks/format_internal.h"
#include "mail/lines.h"
#include "mail/mime.h"

/* MTAs declare what lies in their queue, before they add fields and change line ends and encodings. */
#define SIZE_FACTOR       2
#define SIZE_SLACK_OCTETS 16384

/* From, as it is shown to readers, is dmarc's to charge: here it is free unless points are configured. */
static const struct fact facts[] = {
	[FORMAT_FROM_MISSING] = { "from_missing", FACT_QUIET, 0, "the message has no From field" },
	[FORMAT_FROM_SEVERAL] = { "from_several", FACT_QUIET, 0, "the message has several From fields" },
	[FORMAT_FROM_INVALID] = { "from_invalid", FACT_QUIET, 0, "the From field is not a list of addresses" },
	[FORMAT_SENDER_MISSING] = { "sender_missing", FACT_EVIDENCE, 500,
	                            "From names several authors, and there is no Sender field" },
	[FORMAT_DATE_MISSING] = { "date_missing", FACT_EVIDENCE, 500, "the message has no Date field" },
	[FORMAT_DATE_INVALID] = { "date_invalid", FACT_EVIDENCE, 500, "the Date field is not a date" },
	[FORMAT_DATE_PAST] = { "date_past", FACT_EVIDENCE, 500, "the Date field is far in the past" },
	[FORMAT_DATE_FUTURE] = { "date_future", FACT_EVIDENCE, 1000, "the Date field is in the future" },
	[FORMAT_MESSAGE_ID_MISSING] = { "message_id_missing", FACT_EVIDENCE, 500,
	                                "the message has no Message-ID field" },
	[FORMAT_MESSAGE_ID_INVALID] = { "message_id_invalid", FACT_EVIDENCE, 300, "the Message-ID field is malformed" },
	[FORMAT_DUPLICATE] = { "duplicate", FACT_EVIDENCE, 500,
	                       "a header field that may occur once occurs several times" },
	[FORMAT_HEADER_LONG_LINE] = { "header_long_line", FACT_EVIDENCE, 500,
	                              "a line of the header is longer than 998 octets" },
	[FORMAT_HEADER_8BIT] = { "header_8bit", FACT_EVIDENCE, 500,
	                         "the header has 8-bit octets that are not encoded" },
	[FORMAT_ENCODED_WORD] = { "encoded_word", FACT_EVIDENCE, 500,
	                          "a header field has a broken encoded-word (RFC 2047)" },
	[FORMAT_BARE_CR] = { "bare_cr", FACT_EVIDENCE, 500, "the message has a CR without LF" },
	[FORMAT_BARE_LF] = { "bare_lf", FACT_EVIDENCE, 500, "the message has an LF without CR" },
	[FORMAT_NUL] = { "nul", FACT_EVIDENCE, 1000, "the message has a NUL octet" },
	[FORMAT_BODY_LONG_LINE] = { "body_long_line", FACT_EVIDENCE, 200,
	                            "a line of the body is longer than 998 octets" },
	[FORMAT_BODY_8BIT] = { "body_8bit", FACT_QUIET, 0,
	                       "the body has 8-bit octets, and its Content-Transfer-Encoding says otherwise" },
	[FORMAT_CONTENT_TYPE] = { "content_type", FACT_EVIDENCE, 300, "the Content-Type field is malformed" },
	[FORMAT_MULTIPART_BOUNDARY] = { "multipart_boundary", FACT_EVIDENCE, 1000,
	                                "the message has a multipart without a usable boundary" },
	[FORMAT_MULTIPART_UNOPENED] = { "multipart_unopened", FACT_EVIDENCE, 500,
	                                "the message has a multipart without any part" },
	[FORMAT_MULTIPART_UNCLOSED] = { "multipart_unclosed", FACT_EVIDENCE, 300,
	                                "the message has a multipart that is never closed" },
	[FORMAT_MULTIPART_DEEP] = { "multipart_deep", FACT_EVIDENCE, 500,
	                            "the message has too many multiparts inside each other" },
	[FORMAT_SIZE] = { "size", FACT_EVIDENCE, 300,
	                  "the size of the message contradicts the SIZE that was declared" },
	[FORMAT_EMPTY] = { "empty", FACT_EVIDENCE, 1000, "the message has neither a subject nor a body" },
	[FORMAT_EMPTY_BODY] = { "empty_body", FACT_QUIET, 0, "the message has no body" },
	[FORMAT_BULK_NO_UNSUBSCRIBE] = { "bulk_no_unsubscribe", FACT_EVIDENCE, 500,
	                                 "bulk mail without a List-Unsubscribe field" },
	[FORMAT_BULK_NO_ONE_CLICK] = { "bulk_no_one_click", FACT_QUIET, 0,
	                               "bulk mail that cannot be unsubscribed with one click (RFC 8058)" },
};

#define AT(field) offsetof(struct format_settings, field)

static const struct config_row options[] = {
	{
		.name = "date_past_days",
		.type = CONFIG_INT,
		.offset = AT(date_past_days),
		.min = 1,
		.max = 36500,
		.fallback = "30",
		.help = "A Date field older than this is format.date_past; never in mail that somebody has sent on by hand "
			"(Resent-Date).",
	},
	{
		.name = "date_future_hours",
		.type = CONFIG_INT,
		.offset = AT(date_future_hours),
		.min = 1,
		.max = 876000,
		.fallback = "24",
		.help = "A Date field so much later than our own clock is format.date_future.",
	},
	{
		.name = "body_octets_max",
		.type = CONFIG_INT,
		.offset = AT(body_octets_max),
		.min = 0,
		.max = 1073741824,
		.fallback = "16777216",
		.help = "So many octets of a body are looked at. What can only be known at the end of a longer one is not "
			"stated. 0: the body is not looked at.",
	},
};

enum progress { IN_HEADERS, IN_BODY, AT_END };

struct format_state {
	struct format_fields fields;
	struct lines lines;
	struct mime *mime; /* NULL: there is nothing to follow */
	uint64_t body_octets;
	bool blank; /* nothing but white space so far */
	enum progress progress;
	bool header_stated;
	int64_t now_s;
};

/* ---- what the body says ---- */

/* Was there more of the body than is looked at, or perhaps? */
static bool is_cut(const struct check_run *run)
{
	const struct format_settings *settings = run->settings;
	const struct format_state *state = run->state;

	return state->body_octets >= (uint64_t)settings->body_octets_max;
}

static void state_lines(struct check_run *run)
{
	const struct format_state *state = run->state;
	const struct lines *lines = &state->lines;

	if (lines->bare_cr)
		check_state_fact(run, FORMAT_BARE_CR, "body");
	if (lines->bare_lf)
		check_state_fact(run, FORMAT_BARE_LF, "body");
	if (lines->nul)
		check_state_fact(run, FORMAT_NUL, "body");
	if (lines->longest_octets > 0)
		check_state_fact(run, FORMAT_BODY_LONG_LINE, "%zu octets", lines->longest_octets);
	if (lines->eight_bit && !state->fields.encoded)
		check_state_fact(run, FORMAT_BODY_8BIT, "%s", "");
}

static void state_mime(struct check_run *run)
{
	const struct format_state *state = run->state;

	if (state->mime == NULL)
		return;
	const struct mime_facts *found = mime_get_facts(state->mime);
	if (found->no_boundary)
		check_state_fact(run, FORMAT_MULTIPART_BOUNDARY, "in a part");
	if (found->unopened)
		check_state_fact(run, FORMAT_MULTIPART_UNOPENED, "%s", "");
	if (found->unclosed)
		check_state_fact(run, FORMAT_MULTIPART_UNCLOSED, "%s", "");
	if (found->too_deep)
		check_state_fact(run, FORMAT_MULTIPART_DEEP, "more than %d", MIME_DEPTH_MAX);
}

static bool contradicts(uint64_t less, uint64_t more)
{
	return more / SIZE_FACTOR > less && more - less > SIZE_SLACK_OCTETS;
}

static void state_size(struct check_run *run)
{
	const struct format_state *state = run->state;
	const uint64_t declared = run->subject->declared_octets;
	const uint64_t seen = state->fields.octets + 2 + state->body_octets;
	const bool less = !is_cut(run) && contradicts(seen, declared);

	if (declared > 0 && (less || contradicts(declared, seen)))
		check_state_fact(run, FORMAT_SIZE, "%" PRIu64 " declared, %" PRIu64 "%s came", declared, seen,
		                 is_cut(run) ? " or more" : "");
}

static void state_body(struct check_run *run)
{
	const struct format_state *state = run->state;

	state_lines(run);
	state_mime(run);
	state_size(run);
	if (state->blank && !is_cut(run))
		check_state_fact(run, state->fields.has_subject ? FORMAT_EMPTY_BODY : FORMAT_EMPTY, "%s", "");
}

/* ---- taps ---- */

static void take_header(struct check_run *run, const char *name, const char *value)
{
	struct format_state *state = run->state;

	format_fields_add(&state->fields, name, value);
}

static void take_headers_end(struct check_run *run)
{
	struct format_state *state = run->state;

	state->mime = mime_open(&state->fields.content_type, run->arena);
	state->progress = IN_BODY;
}

static bool wants_body(const struct check_run *run)
{
	return !is_cut(run);
}

static bool is_blank(const uint8_t *octets, size_t length)
{
	size_t i = 0;

	while (i < length && (octets[i] == ' ' || octets[i] == '\t' || octets[i] == '\r' || octets[i] == '\n'))
		i++;
	return i == length;
}

static void take_body(struct check_run *run, const uint8_t *octets, size_t length)
{
	const struct format_settings *settings = run->settings;
	struct format_state *state = run->state;
	const uint64_t room = (uint64_t)settings->body_octets_max - state->body_octets;
	const size_t n = length < room ? length : (size_t)room;

	state->body_octets += n;
	lines_add(&state->lines, octets, n);
	if (state->mime != NULL && !mime_is_over(state->mime))
		mime_add(state->mime, octets, n);
	if (state->blank)
		state->blank = is_blank(octets, n);
}

static void take_body_end(struct check_run *run)
{
	struct format_state *state = run->state;

	state->progress = AT_END;
	if (is_cut(run))
		return;
	lines_end(&state->lines);
	if (state->mime != NULL)
		mime_end(state->mime);
}

/* ---- the part ---- */

static enum check_state format_start(struct check_run *run)
{
	struct format_state *state = arena_alloc(run->arena, sizeof(*state));

	run->state = state;
	format_fields_open(&state->fields, run->subject->smtputf8, run->arena);
	lines_open(&state->lines);
	state->blank = true;
	state->now_s = (int64_t)time(NULL);
	return CHECK_OPEN;
}

static enum check_state format_collect(struct check_run *run)
{
	struct format_state *state = run->state;

	if (state->progress >= IN_BODY && !state->header_stated) {
		format_state_header(run, &state->fields, state->now_s);
		state->header_stated = true;
	}
	if (state->progress == AT_END) {
		state_body(run);
		return CHECK_DONE;
	}
	return run->closing ? CHECK_DONE : CHECK_OPEN;
}

static void may_state_of_body(const struct check_run *run, struct factset *set)
{
	static const size_t of_lines[] = { FORMAT_BARE_CR, FORMAT_BARE_LF, FORMAT_NUL, FORMAT_BODY_LONG_LINE };
	static const size_t of_mime[] = { FORMAT_MULTIPART_BOUNDARY, FORMAT_MULTIPART_UNOPENED,
		                          FORMAT_MULTIPART_UNCLOSED, FORMAT_MULTIPART_DEEP };
	const struct format_settings *settings = run->settings;
	const struct format_state *state = run->state;

	if (run->subject->declared_octets > 0)
		check_may(run, FORMAT_SIZE, set);
	if (settings->body_octets_max == 0)
		return;
	for (size_t i = 0; i < COUNT(of_lines); i++)
		check_may(run, of_lines[i], set);
	if (!state->fields.encoded)
		check_may(run, FORMAT_BODY_8BIT, set);
	for (size_t i = 0; i < COUNT(of_mime) && state->mime != NULL; i++)
		check_may(run, of_mime[i], set);
	if (state->blank)
		check_may(run, state->fields.has_subject ? FORMAT_EMPTY_BODY : FORMAT_EMPTY, set);
}

static void format_may_state(const struct check_run *run, struct factset *set)
{
	const struct format_state *state = run->state;

	if (run->done)
		return;
	for (size_t i = 0; (state == NULL || !state->header_stated) && i < COUNT(facts); i++)
		check_may(run, i, set);
	if (state != NULL && state->header_stated)
		may_state_of_body(run, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = format_start,
		.collect = format_collect,
		.may_state = format_may_state,
		.header = take_header,
		.headers_end = take_headers_end,
		.wants_body = wants_body,
		.body = take_body,
		.body_end = take_body_end,
	},
};

extern const struct check check_format;
const struct check check_format = {
	.name = "format",
	.help = "Whether the message is written as RFC 5322 and MIME want it: fields, lines, parts.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct format_settings),
	.parts = parts,
	.n_parts = COUNT(parts),
};
