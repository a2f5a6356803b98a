/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/nearest.h"

#include <string.h>

#define NAME_MAX_OCTETS 64 /* longer names are compared by their beginnings */

static size_t length_of(const char *name)
{
	return strnlen(name, NAME_MAX_OCTETS);
}

/* Not tolower(): names are ASCII, whatever the locale says. */
static char lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: three rows of the table are enough, the oldest one for exchanged neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_OCTETS + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t n_a = length_of(a), n_b = length_of(b);

	for (size_t j = 0; j <= n_b; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[n_b];
}

const char *nearest_name(const char *name, const char *(*nth)(const void *context, size_t i), const void *context)
{
	const char *nearest = NULL, *known;
	size_t limit = (length_of(name) + 2) / 3 + 1;

	for (size_t i = 0; (known = nth(context, i)) != NULL; i++) {
		size_t d = distance(name, known);

		if (d < limit) {
			limit = d;
			nearest = known;
		}
	}
	return nearest;
}
