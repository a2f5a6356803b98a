/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_date - dates as messages write them, good ones and bad ones, against the C library's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/date.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* In memory of exactly its size: reading beyond it is noticed. */
static enum date_state parse(const char *text, int64_t *seconds)
{
	char *copy = strdup(text);
	enum date_state state;

	assert_non_null(copy);
	state = date_parse(copy, seconds);
	free(copy);
	return state;
}

static void good_dates(void **unused)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "Thu, 01 Jan 1970 00:00:00 +0000", 0 },
		{ " Fri, 20 Nov 2026 10:00:00 +0000", 1795168800 },
		{ " Fri, 20 Nov 2026 10:00:00 +0000 (UTC)\n", 1795168800 },
		{ "Fri, 20 Nov 2026 11:00:00 +0100 (CET (\\) winter))", 1795168800 },
		{ "20 Nov 2026 10:00 +0000", 1795168800 },
		{ "Fri,20 Nov 2026 10:00:00 GMT", 1795168800 },
		{ "fri, 20 nov 2026 10:00:00 ut", 1795168800 },
		{ "Fri, 20 Nov 26 10:00:00 Z", 1795168800 },
		{ "Fri, 20 Nov 126 10:00:00 -0000", 1795168800 },
		{ "Fri,\n 20\n\tNov 2026\r\n 10:00:00 -0000", 1795168800 },
		{ "Fri (Freitag) , 20 (the)Nov(ember) 2026 10 : 00 : 00 (o'clock) +0000", 1795168800 },
		{ "Fri, 20 Nov 2026 05:00:00 EST", 1795168800 },
		{ "Fri, 20 Nov 2026 06:00:00 EDT", 1795168800 },
		{ "Fri, 20 Nov 2026 03:00:00 MST", 1795168800 },
		{ "Fri, 20 Nov 2026 03:00:00 PDT", 1795168800 },
		{ "Fri, 20 Nov 2026 10:00:00 MESZ", 1795168800 }, /* nobody knows: UTC */
		{ "Fri, 20 Nov 2026 15:45:00 +0545", 1795168800 },
		{ "Thu, 19 Nov 2026 22:30:00 -1130", 1795168800 },
		{ "Thu, 31 Dec 1998 23:59:60 +0000", 915148800 }, /* a leap second */
		{ "Tue, 29 Feb 2000 12:00:00 +0000", 951825600 },
		{ "29 Feb 2024 12:00:00 +0000", 1709208000 },
		{ "Mon, 1 Jan 1900 00:00:00 +0000", -2208988800 },
		{ "Fri, 31 Dec 9999 23:59:59 +0000", 253402300799 },
		{ "1 Jan 70 00:00:00 +0000", 0 },
		{ "1 Jan 49 00:00:00 +0000", 2493072000 },
		{ "1 Jan 50 00:00:00 +0000", -631152000 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t seconds = -1;
		enum date_state state = parse(cases[i].text, &seconds);
		if (state != DATE_FINE || seconds != cases[i].seconds)
			fail_msg("%s: state %d, %lld", cases[i].text, (int)state, (long long)seconds);
	}
}

static void other_weekdays(void **unused)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Sat" };

	(void)unused;
	for (size_t i = 0; i < COUNT(names); i++) {
		char text[64];
		int64_t seconds = 0;
		snprintf(text, sizeof(text), "%s, 20 Nov 2026 10:00:00 +0000", names[i]);
		assert_int_equal(parse(text, &seconds), DATE_OTHER_WEEKDAY);
		assert_int_equal(seconds, 1795168800);
	}
}

static void bad_dates(void **unused)
{
	static const char *const cases[] = {
		"",
		" ",
		"(only a comment)",
		"today",
		"2026-11-20T10:00:00Z",
		"2026-11-20 10:00:00 +0000",
		"Fri Nov 20 10:00:00 2026",
		"Friday, 20 Nov 2026 10:00:00 +0000",
		"Fri 20 Nov 2026 10:00:00 +0000",
		"Fry, 20 Nov 2026 10:00:00 +0000",
		"Fri, 20 November 2026 10:00:00 +0000",
		"Fri, 20 11 2026 10:00:00 +0000",
		"Fri, 20-Nov-2026 10:00:00 +0000",
		"Fri, Nov 20 2026 10:00:00 +0000",
		"0 Nov 2026 10:00:00 +0000",
		"31 Nov 2026 10:00:00 +0000",
		"29 Feb 2026 10:00:00 +0000",
		"29 Feb 1900 10:00:00 +0000",
		"30 Feb 2024 10:00:00 +0000",
		"32 Dec 2026 10:00:00 +0000",
		"020 Nov 2026 10:00:00 +0000",
		"20 Nov 1899 10:00:00 +0000",
		"20 Nov 12026 10:00:00 +0000",
		"20 Nov 6 10:00:00 +0000",
		"20 Nov 2026 24:00:00 +0000",
		"20 Nov 2026 10:60:00 +0000",
		"20 Nov 2026 10:00:61 +0000",
		"20 Nov 2026 1:00:00 +0000",
		"20 Nov 2026 10:0:00 +0000",
		"20 Nov 2026 10:00: +0000",
		"20 Nov 2026 10 +0000",
		"20 Nov 2026 10.00.00 +0000",
		"20 Nov 2026 10:00:00",
		"20 Nov 2026 10:00:00 ",
		"20 Nov 2026 10:00:00+0000",
		"20 Nov 2026 10:00:00 0000",
		"20 Nov 2026 10:00:00 +000",
		"20 Nov 2026 10:00:00 +00000",
		"20 Nov 2026 10:00:00 +00:00",
		"20 Nov 2026 10:00:00 +2400",
		"20 Nov 2026 10:00:00 +0060",
		"20 Nov 2026 10:00:00 -",
		"20 Nov 2026 10:00:00 Europe/Berlin",
		"20 Nov 2026 10:00:00 ABCDEF",
		"20 Nov 2026 10:00:00 +0000 GMT",
		"20 Nov 2026 10:00:00 +0000, 21 Nov 2026 10:00:00 +0000",
		"20 Nov 2026 10:00:00 +0000 (never closed",
		"20Nov 2026 10:00:00 +0000",
		"20 Nov2026 10:00:00 +0000",
		"20 Nov 202610:00:00 +0000",
		"99999999999999999999 Nov 2026 10:00:00 +0000",
		"20 Nov 99999999999999999999 10:00:00 +0000",
		"Fri, \xc2\xa0 20 Nov 2026 10:00:00 +0000",
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t seconds;
		if (parse(cases[i], &seconds) != DATE_INVALID)
			fail_msg("\"%s\" is taken for a date", cases[i]);
	}
}

/* Any second of 8,000 years, in any zone. */
static void agrees_with_the_library(void **unused)
{
	(void)unused;
	for (int round = 0; round < 20000; round++) {
		const int64_t wanted = (int64_t)random_below(2000000000) * 127 - 2208988800 + 86400;
		const int zone = (int)random_below(2 * 1439 + 1) - 1439;
		const time_t local = (time_t)(wanted + zone * 60);
		char format[64], text[96];
		struct tm parts;
		int64_t seconds = 0;

		if (gmtime_r(&local, &parts) == NULL || parts.tm_year > 8099 || parts.tm_year < 0)
			continue;
		snprintf(format, sizeof(format), "%%a, %%e %%b %%Y %%H:%%M:%%S %c%02d%02d", zone < 0 ? '-' : '+',
		         abs(zone) / 60, abs(zone) % 60);
		strftime(text, sizeof(text), format, &parts);
		if (parse(text, &seconds) != DATE_FINE || seconds != wanted)
			fail_msg("%s: %lld, must be %lld", text, (long long)seconds, (long long)wanted);
	}
}

/* Every day that a month may not have, and every one that it has. */
static void calendar(void **unused)
{
	static const int years[] = { 1900, 1996, 1999, 2000, 2023, 2024, 2100, 2400 };
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	(void)unused;
	for (size_t y = 0; y < COUNT(years); y++) {
		for (int month = 0; month < 12; month++) {
			for (int day = 0; day < 40; day++) {
				struct tm parts = { .tm_year = years[y] - 1900, .tm_mon = month, .tm_mday = day };
				const time_t at = timegm(&parts);
				const bool there = parts.tm_mday == day && parts.tm_mon == month;
				char text[64];
				int64_t seconds = 0;
				snprintf(text, sizeof(text), "%d %s %d 00:00 +0000", day, names[month], years[y]);
				assert_int_equal(parse(text, &seconds), there ? DATE_FINE : DATE_INVALID);
				if (there)
					assert_int_equal(seconds, at);
			}
		}
	}
}

/* Nothing is read beyond the end, and what is a date has its seconds filled. */
static void mutated(void **unused)
{
	static const char octets[] = "0159 :,+-()\\\n\tFriNovZ\x80\xff";

	(void)unused;
	for (int round = 0; round < 50000; round++) {
		char text[] = "Fri, 20 Nov 2026 (a (b)) 10:00:00 +0000 (UTC)";
		int64_t seconds = INT64_MIN;
		for (uint32_t n = random_below(4); n > 0; n--)
			text[random_below(sizeof(text) - 1)] = octets[random_below(sizeof(octets))];
		if (random_below(4) == 0)
			text[random_below(sizeof(text))] = '\0';
		if (parse(text, &seconds) != DATE_INVALID) {
			assert_true(seconds >= -2208988800 - 86400);
			assert_true(seconds <= 253402300800 + 86400);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_dates), cmocka_unit_test(other_weekdays),
		cmocka_unit_test(bad_dates),  cmocka_unit_test(agrees_with_the_library),
		cmocka_unit_test(calendar),   cmocka_unit_test(mutated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
