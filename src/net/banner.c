/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/banner.h"

#include <string.h>

#define CODE_DIGITS 3

void banner_open(struct banner *banner, size_t octets_max, bool first_line_only)
{
	memset(banner, 0, sizeof(*banner));
	banner->octets_max = octets_max;
	banner->first_line_only = first_line_only;
}

static char lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

static void take_name(struct banner *banner)
{
	char name[BANNER_WORD_OCTETS_MAX + 1];
	size_t octets = banner->word_octets;

	if (banner->name[0] != '\0' || octets > sizeof(banner->word) || (banner->first_line_only && banner->lines > 0))
		return;
	if (octets > 0 && strchr(".,;:", banner->word[octets - 1]) != NULL)
		octets--;
	for (size_t i = 0; i < octets; i++)
		name[i] = lower(banner->word[i]);
	name[octets] = '\0';
	/* shorter than `octets`: there was a NUL in it */
	if (strlen(name) == octets && octets < sizeof(banner->name) && domain_is_hostname(name))
		memcpy(banner->name, name, octets + 1);
}

static enum banner_state end_line(struct banner *banner)
{
	if (banner->column < CODE_DIGITS)
		return BANNER_NOT_SMTP;
	if (banner->column == CODE_DIGITS) /* RFC 5321 4.2: "250" alone is a last line */
		banner->final = true;
	take_name(banner);
	banner->lines++;
	if (banner->final)
		return BANNER_COMPLETE;
	banner->column = banner->word_octets = 0;
	banner->word_ended = banner->cr = false;
	return banner->lines < BANNER_LINES_MAX ? BANNER_MORE : BANNER_TOO_LONG;
}

/* RFC 5321 4.2: the first digit is 2 to 5, the second one 0 to 5. */
static enum banner_state take_digit(struct banner *banner, uint8_t octet)
{
	static const char least[CODE_DIGITS] = "200", most[CODE_DIGITS] = "559";

	if (octet < (uint8_t)least[banner->column] || octet > (uint8_t)most[banner->column])
		return BANNER_NOT_SMTP;
	banner->code = (banner->column == 0 ? 0 : banner->code * 10) + (octet - '0');
	return BANNER_MORE;
}

static void take_word(struct banner *banner, uint8_t octet)
{
	if (octet == ' ' || octet == '\t') {
		banner->word_ended = banner->word_octets > 0;
		return;
	}
	if (banner->word_ended)
		return;
	if (banner->word_octets < sizeof(banner->word))
		banner->word[banner->word_octets] = (char)octet;
	if (banner->word_octets <= sizeof(banner->word)) /* one more says that it did not fit */
		banner->word_octets++;
}

static enum banner_state take_octet(struct banner *banner, uint8_t octet)
{
	enum banner_state state = BANNER_MORE;

	if (octet == '\n')
		return end_line(banner);
	if (banner->cr && banner->column > CODE_DIGITS) /* a bare CR is a part of the text */
		take_word(banner, '\r');
	banner->cr = octet == '\r';
	if (banner->cr)
		return banner->column < CODE_DIGITS ? BANNER_NOT_SMTP : BANNER_MORE;
	if (banner->column < CODE_DIGITS)
		state = take_digit(banner, octet);
	else if (banner->column > CODE_DIGITS)
		take_word(banner, octet);
	else if (octet == ' ' || octet == '-')
		banner->final = octet == ' ';
	else
		state = BANNER_NOT_SMTP;
	banner->column++;
	return state;
}

enum banner_state banner_feed(struct banner *banner, const uint8_t *octets, size_t length, size_t *used)
{
	for (*used = 0; *used < length && banner->state == BANNER_MORE; ++*used) {
		if (++banner->octets > banner->octets_max)
			banner->state = BANNER_TOO_LONG;
		else
			banner->state = take_octet(banner, octets[*used]);
	}
	return banner->state;
}
