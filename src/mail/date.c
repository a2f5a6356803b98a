/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/date.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "mail/cfws.h"

#define ZONE_LETTERS_MAX 5 /* RFC 5322 4.3: other zones are between 3 and 5 letters long */
#define YEAR_FIRST       1900
#define WORD_MAX         5

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static const struct {
	const char *name;
	int hours;
} zones[] = {
	{ "EDT", -4 }, { "EST", -5 }, { "CDT", -5 }, { "CST", -6 },
	{ "MDT", -6 }, { "MST", -7 }, { "PDT", -7 }, { "PST", -8 },
};

struct cursor {
	const char *at, *end;
};

struct moment {
	int weekday; /* -1: not said */
	int day, month, year, hour, minute, second;
	int zone_minutes; /* east of UTC */
};

/* ---- words ---- */

static bool is_letter(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static void skip(struct cursor *cursor)
{
	cursor->at = cfws_skip(cursor->at, cursor->end);
}

/* A number of `least` to `most` digits. Returns how many it has; 0: it is none. */
static size_t take_number(struct cursor *cursor, size_t least, size_t most, int *number)
{
	size_t n = 0;

	for (*number = 0; cursor->at + n < cursor->end && is_digit(cursor->at[n]) && n <= most; n++)
		*number = *number * 10 + (cursor->at[n] - '0');
	if (n < least || n > most)
		return 0;
	cursor->at += n;
	return n;
}

/* Returns its length; 0: there is none, or it is longer. */
static size_t take_word(struct cursor *cursor, char word[WORD_MAX + 1])
{
	size_t n = 0;

	while (cursor->at + n < cursor->end && is_letter(cursor->at[n]) && n <= WORD_MAX)
		n++;
	if (n > WORD_MAX)
		return 0;
	memcpy(word, cursor->at, n);
	word[n] = '\0';
	cursor->at += n;
	return n;
}

static bool take_mark(struct cursor *cursor, char mark)
{
	skip(cursor);
	if (cursor->at == cursor->end || *cursor->at != mark)
		return false;
	cursor->at++;
	skip(cursor);
	return true;
}

/* White space, or a comment, must stand here. */
static bool take_gap(struct cursor *cursor)
{
	const char *from = cursor->at;

	skip(cursor);
	return cursor->at > from;
}

/* -1: it is none of these. */
static int find_name(const char *word, const char (*names)[4], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(word, names[i]) == 0)
			return (int)i;
	}
	return -1;
}

/* ---- the calendar ---- */

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int month, int year)
{
	static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return lengths[month] + (month == 1 && is_leap(year));
}

/* Days since 1 January 1970. Leap days are counted from March on, so that a leap year's comes last. */
static int64_t days_since_epoch(const struct moment *moment)
{
	const int shifted = (moment->month + 10) % 12; /* March is 0 */
	const int year = moment->year - (moment->month < 2);
	const int before = (153 * shifted + 2) / 5 + moment->day - 1;

	return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + before - 719468;
}

/* ---- the parts of a date ---- */

static bool take_weekday(struct cursor *cursor, struct moment *moment)
{
	char word[WORD_MAX + 1];

	moment->weekday = -1;
	if (cursor->at < cursor->end && is_digit(*cursor->at))
		return true;
	if (take_word(cursor, word) == 0)
		return false;
	moment->weekday = find_name(word, days, COUNT(days));
	return moment->weekday >= 0 && take_mark(cursor, ',');
}

/* RFC 5322 4.3: two digits below 50 are of this century; others, and three digits, count from 1900. */
static bool take_year(struct cursor *cursor, struct moment *moment)
{
	const size_t digits = take_number(cursor, 2, 4, &moment->year);

	if (digits == 2 && moment->year < 50)
		moment->year += 2000;
	else if (digits == 2 || digits == 3)
		moment->year += 1900;
	return digits > 0 && moment->year >= YEAR_FIRST;
}

static bool take_day(struct cursor *cursor, struct moment *moment)
{
	char word[WORD_MAX + 1];

	if (take_number(cursor, 1, 2, &moment->day) == 0 || !take_gap(cursor) || take_word(cursor, word) == 0)
		return false;
	moment->month = find_name(word, months, COUNT(months));
	if (moment->month < 0 || !take_gap(cursor) || !take_year(cursor, moment))
		return false;
	return moment->day >= 1 && moment->day <= days_in(moment->month, moment->year);
}

static bool take_time(struct cursor *cursor, struct moment *moment)
{
	if (take_number(cursor, 2, 2, &moment->hour) == 0 || !take_mark(cursor, ':') ||
	    take_number(cursor, 2, 2, &moment->minute) == 0)
		return false;
	const char *from = cursor->at;
	moment->second = 0;
	if (!take_mark(cursor, ':'))
		cursor->at = from;
	else if (take_number(cursor, 2, 2, &moment->second) == 0)
		return false;
	return moment->hour <= 23 && moment->minute <= 59 && moment->second <= 60;
}

static bool take_numeric_zone(struct cursor *cursor, struct moment *moment)
{
	const int sign = *cursor->at == '-' ? -1 : 1;
	int zone;

	cursor->at++;
	if (take_number(cursor, 4, 4, &zone) == 0)
		return false;
	moment->zone_minutes = sign * (zone / 100 * 60 + zone % 100);
	return zone / 100 <= 23 && zone % 100 <= 59;
}

static bool take_zone(struct cursor *cursor, struct moment *moment)
{
	char word[WORD_MAX + 1];

	if (cursor->at < cursor->end && (*cursor->at == '+' || *cursor->at == '-'))
		return take_numeric_zone(cursor, moment);
	const size_t octets = take_word(cursor, word);
	moment->zone_minutes = 0;
	for (size_t i = 0; i < COUNT(zones); i++) {
		if (strcasecmp(word, zones[i].name) == 0)
			moment->zone_minutes = zones[i].hours * 60;
	}
	return octets > 0 && octets <= ZONE_LETTERS_MAX;
}

enum date_state date_parse(const char *text, int64_t *seconds)
{
	struct cursor cursor = { text, text + strlen(text) };
	struct moment moment;

	skip(&cursor);
	if (!take_weekday(&cursor, &moment) || !take_day(&cursor, &moment) || !take_gap(&cursor) ||
	    !take_time(&cursor, &moment) || !take_gap(&cursor) || !take_zone(&cursor, &moment))
		return DATE_INVALID;
	skip(&cursor);
	if (cursor.at != cursor.end)
		return DATE_INVALID;
	const int64_t day = days_since_epoch(&moment);
	*seconds = day * 86400 + moment.hour * 3600 + (moment.minute - moment.zone_minutes) * 60 + moment.second;
	/* 1 January 1970 was a Thursday. */
	const int weekday = (int)(((day + 4) % 7 + 7) % 7);
	return moment.weekday >= 0 && moment.weekday != weekday ? DATE_OTHER_WEEKDAY : DATE_FINE;
}
