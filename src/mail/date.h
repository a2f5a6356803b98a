/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * date - when a message says it was written (RFC 5322 3.3, 4.3).
 *
 * Threads: pure. The text is a stranger's.
 */
#ifndef MAILREEVE_MAIL_DATE_H
#define MAILREEVE_MAIL_DATE_H

#include <stdint.h>

enum date_state {
	DATE_FINE,
	DATE_OTHER_WEEKDAY, /* a date, but its day of the week is another */
	DATE_INVALID,       /* none, or one that the calendar does not have */
};

/*
 * Parse a date-time: [day ","] 1-31 month year hh:mm[:ss] zone, with comments and folding anywhere between, nothing
 * behind. Obsolete years (two and three digits) and zones (names; what is unknown or a military letter counts as UTC,
 * RFC 5322 4.3) are fine. Years are 1900 to 9999, a leap second is a second, a zone has at most 23 hours.
 * `seconds` since the epoch (UTC) is filled unless the date is invalid.
 */
enum date_state date_parse(const char *text, int64_t *seconds);

#endif
