/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the header of a message says, once it has ended.
 */
#include <inttypes.h>

#include "checks/format_internal.h"

#define DAY_S  86400
#define HOUR_S 3600

static void state_from(struct check_run *run, const struct format_fields *fields)
{
	const struct subject *subject = run->subject;
	const struct author *author = subject->from[0];
	bool valid = true;

	for (unsigned i = 0; i < subject->n_from && i < SUBJECT_FROM_MAX; i++)
		valid &= subject->from[i] == NULL || subject->from[i]->valid;
	if (subject->n_from == 0)
		check_state_fact(run, FORMAT_FROM_MISSING, "%s", "");
	if (subject->n_from > 1)
		check_state_fact(run, FORMAT_FROM_SEVERAL, "%u", subject->n_from);
	if (!valid)
		check_state_fact(run, FORMAT_FROM_INVALID, "%s", "");
	if (author != NULL && author->n_found > 1 && fields->counts[FIELD_SENDER] == 0)
		check_state_fact(run, FORMAT_SENDER_MISSING, "%zu addresses", author->n_found);
}

static void state_age(struct check_run *run, const struct format_fields *fields, int64_t now_s)
{
	const struct format_settings *settings = run->settings;
	const int64_t age = now_s - fields->date_s;

	if (age > (int64_t)settings->date_past_days * DAY_S && fields->counts[FIELD_RESENT_DATE] == 0)
		check_state_fact(run, FORMAT_DATE_PAST, "%" PRId64 " days", age / DAY_S);
	if (-age > (int64_t)settings->date_future_hours * HOUR_S)
		check_state_fact(run, FORMAT_DATE_FUTURE, "%" PRId64 " hours", -age / HOUR_S);
}

static void state_date(struct check_run *run, const struct format_fields *fields, int64_t now_s)
{
	if (fields->date == NULL) {
		check_state_fact(run, FORMAT_DATE_MISSING, "%s", "");
		return;
	}
	if (fields->date_state == DATE_OTHER_WEEKDAY)
		check_state_fact(run, FORMAT_DATE_INVALID, "another day of the week: %s", fields->date);
	if (fields->date_state == DATE_INVALID)
		check_state_fact(run, FORMAT_DATE_INVALID, "%s", fields->date);
	else
		state_age(run, fields, now_s);
}

static void state_finding(struct check_run *run, size_t fact, const struct format_finding *finding)
{
	if (finding->field != NULL)
		check_state_fact(run, fact, "%s%s%s", finding->field, finding->what[0] != '\0' ? ": " : "",
		                 finding->what);
}

static void state_fields(struct check_run *run, const struct format_fields *fields)
{
	char names[EVIDENCE_DETAIL_MAX];

	if (fields->message_id == NULL)
		check_state_fact(run, FORMAT_MESSAGE_ID_MISSING, "%s", "");
	else if (!fields->message_id_valid)
		check_state_fact(run, FORMAT_MESSAGE_ID_INVALID, "%s", fields->message_id);
	if (format_fields_duplicates(fields, names, sizeof(names)))
		check_state_fact(run, FORMAT_DUPLICATE, "%s", names);
	if (fields->long_line.field != NULL)
		check_state_fact(run, FORMAT_HEADER_LONG_LINE, "%s: %zu octets", fields->long_line.field,
		                 fields->longest_line);
	state_finding(run, FORMAT_HEADER_8BIT, &fields->eight_bit);
	state_finding(run, FORMAT_ENCODED_WORD, &fields->encoded_word);
	if (fields->bare_cr)
		check_state_fact(run, FORMAT_BARE_CR, "header");
	if (fields->bare_lf)
		check_state_fact(run, FORMAT_BARE_LF, "header");
}

static void state_content_type(struct check_run *run, const struct format_fields *fields)
{
	const struct content_type *type = &fields->content_type;

	if (fields->counts[FIELD_CONTENT_TYPE] == 0)
		return;
	if (!type->valid)
		check_state_fact(run, FORMAT_CONTENT_TYPE, "%s", "");
	if (type->multipart && type->boundary_state != BOUNDARY_FINE)
		check_state_fact(run, FORMAT_MULTIPART_BOUNDARY, "%s",
		                 type->boundary_state == BOUNDARY_NONE ? "none" : "unusable");
}

/* Replies of machines are often marked as bulk, so that nobody answers them: nobody has subscribed to them. */
static void state_bulk(struct check_run *run, const struct format_fields *fields)
{
	const bool list = fields->counts[FIELD_LIST] + fields->counts[FIELD_LIST_UNSUBSCRIBE] > 0;

	if (!(list || fields->bulk) || fields->automatic || run->subject->mail_from.null)
		return;
	if (!fields->unsubscribe_uri)
		check_state_fact(run, FORMAT_BULK_NO_UNSUBSCRIBE, "%s",
		                 fields->counts[FIELD_LIST_UNSUBSCRIBE] > 0 ? "no address in it" : "");
	else if (!fields->one_click || !fields->unsubscribe_https)
		check_state_fact(run, FORMAT_BULK_NO_ONE_CLICK, "%s",
		                 fields->one_click ? "no https" : "no List-Unsubscribe-Post");
}

void format_state_header(struct check_run *run, const struct format_fields *fields, int64_t now_s)
{
	state_from(run, fields);
	state_date(run, fields, now_s);
	state_fields(run, fields);
	state_content_type(run, fields);
	state_bulk(run, fields);
}
