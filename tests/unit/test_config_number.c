/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers are read exactly, or refused with the right reason. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "config/config_number.h"

static void test_numbers(void **state)
{
	static const struct {
		const char *literal;
		enum number_status status;
		int milli;
	} cases[] = {
		{ "0", NUMBER_OK, 0 },
		{ "2.5", NUMBER_OK, 2500 },
		{ "+.125", NUMBER_OK, 125 },
		{ "-0.001", NUMBER_OK, -1 },
		{ "8.", NUMBER_OK, 8000 },
		{ "25e-1", NUMBER_OK, 2500 },
		{ "1.5e2", NUMBER_OK, 150000 },
		{ "0x10", NUMBER_OK, 16000 },
		{ "5L", NUMBER_OK, 5000 },
		{ "0.1000", NUMBER_OK, 100 },
		{ "0e99999999999", NUMBER_OK, 0 },
		{ "00.300000000000000000000", NUMBER_OK, 300 },
		{ "2147483.647", NUMBER_OK, INT_MAX },
		{ "2147483.648", NUMBER_TOO_LARGE, 0 },
		{ "1e300", NUMBER_TOO_LARGE, 0 },
		{ "-1e99999999999", NUMBER_TOO_LARGE, 0 },
		{ "2147484", NUMBER_TOO_LARGE, 0 },
		{ "99999999999999999999999", NUMBER_TOO_LARGE, 0 },
		{ "99999999999999999999999.5", NUMBER_TOO_LARGE, 0 },
		{ "0.0005", NUMBER_TOO_FINE, 0 },
		{ "2.5000000000000000001", NUMBER_TOO_FINE, 0 },
		{ "1e-300", NUMBER_TOO_FINE, 0 },
		{ ".", NUMBER_NOT_ONE, 0 },
		{ "", NUMBER_NOT_ONE, 0 },
		{ "nan", NUMBER_NOT_ONE, 0 },
		{ "inf", NUMBER_NOT_ONE, 0 },
		{ "1.5L", NUMBER_NOT_ONE, 0 },
	};
	int value;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		value = 0;
		if (number_read_milli(cases[i].literal, &value) != cases[i].status || value != cases[i].milli)
			fail_msg("%s: %d", cases[i].literal, value);
	}
	assert_int_equal(number_read_int("-2147483648", &value), NUMBER_OK);
	assert_int_equal(value, INT_MIN);
	assert_int_equal(number_read_int("2147483648", &value), NUMBER_TOO_LARGE);
	assert_int_equal(number_read_int("0xFFFFFFFF", &value), NUMBER_TOO_LARGE);
	assert_int_equal(number_read_int("2.0", &value), NUMBER_NOT_ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
