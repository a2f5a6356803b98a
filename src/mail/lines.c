/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two passes, both at the speed of memory: one compares every octet with the one before it, sixteen at a time; the
 * other leaps from line end to line end, as far as a line may reach at once, and looks closer only at a line that is
 * too long.
 */
#include "mail/lines.h"

#include "mail/octets.h"

void lines_open(struct lines *lines)
{
	*lines = (struct lines){ .last = '\n' };
}

/* ---- octets ---- */

static void look_at(struct lines *lines, uint8_t before, uint8_t octet)
{
	lines->bare_cr |= before == '\r' && octet != '\n';
	lines->bare_lf |= before != '\r' && octet == '\n';
	lines->nul |= octet == 0;
	lines->eight_bit |= octet > 127;
}

/* From the second octet on. Returns how many were looked at. */
static size_t look_at_blocks(struct lines *lines, const uint8_t *octets, size_t length)
{
	const octets16 cr = OCTETS16_ALL('\r'), lf = OCTETS16_ALL('\n'), zero = OCTETS16_ALL(0);
	octets16 bare_cr = zero, bare_lf = zero, nul = zero, any = zero;
	size_t i = 1;

	for (; length - i >= OCTETS16; i += OCTETS16) {
		const octets16 here = octets16_load(octets + i);
		const octets16 is_lf = octets16_equal(here, lf);
		const octets16 after_cr = octets16_equal(octets16_load(octets + i - 1), cr);
		bare_cr |= after_cr & ~is_lf;
		bare_lf |= is_lf & ~after_cr;
		nul |= octets16_equal(here, zero);
		any |= here;
	}
	lines->bare_cr |= octets16_any(bare_cr, 0xff);
	lines->bare_lf |= octets16_any(bare_lf, 0xff);
	lines->nul |= octets16_any(nul, 0xff);
	lines->eight_bit |= octets16_any(any, 0x80);
	return i;
}

static void look_at_all(struct lines *lines, const uint8_t *octets, size_t length)
{
	look_at(lines, lines->last, octets[0]);
	for (size_t i = look_at_blocks(lines, octets, length); i < length; i++)
		look_at(lines, octets[i - 1], octets[i]);
}

/* ---- lengths ---- */

static void note_length(struct lines *lines, size_t octets)
{
	if (octets > LINES_OCTETS_MAX && octets > lines->longest_octets)
		lines->longest_octets = octets;
}

/* How far a line that is not too long yet may still reach: an LF there ends it, or a line behind it, in time. */
static size_t reach(const struct lines *lines, size_t left)
{
	const size_t room = LINES_OCTETS_MAX + 1;
	const size_t within = lines->line_octets < room ? room - lines->line_octets : 0;

	return within < left ? within : left;
}

static void measure(struct lines *lines, const uint8_t *octets, size_t length)
{
	size_t at = 0;

	while (at < length) {
		const size_t within = reach(lines, length - at);
		const uint8_t *lf = within > 0 ? memrchr(octets + at, '\n', within) : NULL;
		const bool late = lf == NULL;
		if (late && at + within < length)
			lf = memchr(octets + at + within, '\n', length - at - within);
		if (lf == NULL) {
			lines->line_octets += length - at;
			return;
		}
		const size_t end = (size_t)(lf - octets);
		const bool after_cr = (end > 0 ? octets[end - 1] : lines->last) == '\r';
		if (late)
			note_length(lines, lines->line_octets + (end - at) - after_cr);
		lines->line_octets = 0;
		at = end + 1;
	}
}

void lines_add(struct lines *lines, const uint8_t *octets, size_t length)
{
	if (length == 0)
		return;
	look_at_all(lines, octets, length);
	measure(lines, octets, length);
	lines->last = octets[length - 1];
}

void lines_end(struct lines *lines)
{
	lines->bare_cr |= lines->last == '\r';
	note_length(lines, lines->line_octets);
}
