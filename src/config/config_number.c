/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config_number.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_LIMIT 100000 /* anything beyond is out of range all the same */
#define DIGITS_LIMIT   15     /* of a value that could still fit an int in thousandths, with room to spare */

static bool is_suffix(const char *text)
{
	return strcmp(text, "") == 0 || strcmp(text, "L") == 0 || strcmp(text, "LL") == 0;
}

static enum number_status read_whole(const char *literal, long long low, long long high, long long *value)
{
	bool hex = literal[0] == '0' && (literal[1] == 'x' || literal[1] == 'X');
	const char *digits = literal + (literal[0] == '+' || literal[0] == '-');
	char *end;

	if (*digits < '0' || *digits > '9')
		return NUMBER_NOT_ONE;
	/* What does not fit a long long is clamped to its ends, which lie beyond low and high. */
	*value = strtoll(literal, &end, hex ? 16 : 10);
	if (!is_suffix(end))
		return NUMBER_NOT_ONE;
	return *value < low || *value > high ? NUMBER_TOO_LARGE : NUMBER_OK;
}

enum number_status number_read_int(const char *literal, int *value)
{
	long long whole;
	enum number_status status = read_whole(literal, INT_MIN, INT_MAX, &whole);

	if (status == NUMBER_OK)
		*value = (int)whole;
	return status;
}

struct decimal {
	bool negative;
	int64_t digits; /* significant ones, without zeros at the end */
	long exponent;  /* the value is digits * 10^exponent */
	bool huge;      /* more significant digits than DIGITS_LIMIT */
};

/* One more digit of the mantissa; zeros wait until a digit that counts follows. */
static void add_digit(struct decimal *decimal, long *zeros, int digit)
{
	if (digit == 0) {
		*zeros += decimal->digits > 0;
		return;
	}
	for (; *zeros > 0 && decimal->digits < INT64_C(100000000000000); --*zeros)
		decimal->digits *= 10;
	if (*zeros > 0 || decimal->digits >= INT64_C(100000000000000)) {
		decimal->huge = true;
		return;
	}
	decimal->digits = decimal->digits * 10 + digit;
}

static bool read_decimal(const char *at, struct decimal *decimal)
{
	long zeros = 0, decimals = 0;
	size_t n = 0;
	bool point = false;

	*decimal = (struct decimal){ .negative = *at == '-' };
	at += *at == '-' || *at == '+';
	for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		add_digit(decimal, &zeros, *at - '0');
		decimals += point;
		n++;
	}
	decimal->exponent = zeros - decimals;
	if (*at == 'e' || *at == 'E') {
		char *end;
		long exponent = strtol(at + 1, &end, 10);

		if (end == at + 1)
			return false;
		decimal->exponent += exponent > EXPONENT_LIMIT    ? EXPONENT_LIMIT
		                     : exponent < -EXPONENT_LIMIT ? -EXPONENT_LIMIT
		                                                  : exponent;
		at = end;
	}
	return n > 0 && *at == '\0';
}

enum number_status number_read_milli(const char *literal, int *milli)
{
	struct decimal decimal;
	long long whole;
	enum number_status status = read_whole(literal, INT_MIN / 1000, INT_MAX / 1000, &whole);
	long scale;

	if (status != NUMBER_NOT_ONE) {
		*milli = status == NUMBER_OK ? (int)(whole * 1000) : 0;
		return status;
	}
	if (!read_decimal(literal, &decimal))
		return NUMBER_NOT_ONE;
	scale = decimal.digits == 0 ? 0 : decimal.exponent + 3;
	if (scale < 0)
		return NUMBER_TOO_FINE;
	if (decimal.huge || scale > DIGITS_LIMIT)
		return NUMBER_TOO_LARGE;
	for (; scale > 0 && decimal.digits <= INT_MAX; scale--)
		decimal.digits *= 10;
	if (decimal.digits > INT_MAX)
		return NUMBER_TOO_LARGE;
	*milli = (int)(decimal.negative ? -decimal.digits : decimal.digits);
	return NUMBER_OK;
}
