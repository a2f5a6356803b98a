/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format_internal - what the files of the check format share: its facts, its settings, and who states what. Nobody else
 * includes it.
 */
#ifndef MAILREEVE_CHECKS_FORMAT_INTERNAL_H
#define MAILREEVE_CHECKS_FORMAT_INTERNAL_H

#include <stdint.h>

#include "checks/check.h"
#include "checks/format_fields.h"

struct format_settings {
	int date_past_days, date_future_hours, body_octets_max;
};

/* Numbers of format.c's table. */
enum format_fact {
	FORMAT_FROM_MISSING,
	FORMAT_FROM_SEVERAL,
	FORMAT_FROM_INVALID,
	FORMAT_SENDER_MISSING,
	FORMAT_DATE_MISSING,
	FORMAT_DATE_INVALID,
	FORMAT_DATE_PAST,
	FORMAT_DATE_FUTURE,
	FORMAT_MESSAGE_ID_MISSING,
	FORMAT_MESSAGE_ID_INVALID,
	FORMAT_DUPLICATE,
	FORMAT_HEADER_LONG_LINE,
	FORMAT_HEADER_8BIT,
	FORMAT_ENCODED_WORD,
	FORMAT_BARE_CR,
	FORMAT_BARE_LF,
	FORMAT_NUL,
	FORMAT_BODY_LONG_LINE,
	FORMAT_BODY_8BIT,
	FORMAT_CONTENT_TYPE,
	FORMAT_MULTIPART_BOUNDARY,
	FORMAT_MULTIPART_UNOPENED,
	FORMAT_MULTIPART_UNCLOSED,
	FORMAT_MULTIPART_DEEP,
	FORMAT_SIZE,
	FORMAT_EMPTY,
	FORMAT_EMPTY_BODY,
	FORMAT_BULK_NO_UNSUBSCRIBE,
	FORMAT_BULK_NO_ONE_CLICK,
};

/*
 * State all that follows from the header, which has ended: its fields, and what the subject knows of From. `now_s` is
 * the time (since 1970) that Date is compared with.
 */
void format_state_header(struct check_run *run, const struct format_fields *fields, int64_t now_s);

#endif
