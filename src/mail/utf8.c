/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/utf8.h"

#include <stdint.h>

#include "base/base.h"

/* The bounds of the second octet keep out overlong forms, surrogates, and what is beyond U+10FFFF (RFC 3629 4). */
static const struct form {
	uint8_t first_min, first_max, second_min, second_max;
	uint8_t octets;
} forms[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_any_octets(const char *at, const char *end)
{
	const uint8_t *octets = (const uint8_t *)at;

	for (size_t i = 0; at < end && i < COUNT(forms); i++) {
		const struct form *form = &forms[i];
		if (octets[0] < form->first_min || octets[0] > form->first_max)
			continue;
		if (end - at < form->octets || octets[1] < form->second_min || octets[1] > form->second_max)
			return 0;
		for (size_t k = 2; k < form->octets; k++) {
			if ((octets[k] & 0xc0) != 0x80)
				return 0;
		}
		return form->octets;
	}
	return 0;
}

size_t utf8_octets(const char *at, const char *end)
{
	const size_t octets = utf8_any_octets(at, end);

	return octets == 2 && (uint8_t)at[0] == 0xc2 && (uint8_t)at[1] < 0xa0 ? 0 : octets;
}
