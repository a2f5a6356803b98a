/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * banner - fuzz target: what a mail server says on port 25. The first octet: how it is cut, and what is asked for.
 */
#include "net/banner.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define OCTETS_MAX 2048

/* Feed it in pieces of at most `piece` octets; returns how many belonged to the reply. */
static size_t feed(struct banner *banner, const uint8_t *octets, size_t length, size_t piece)
{
	enum banner_state state = BANNER_MORE;
	size_t at = 0;

	while (at < length && state == BANNER_MORE) {
		const size_t n = length - at < piece ? length - at : piece;
		uint8_t *copy = fuzz_copy(octets + at, n);
		size_t used = 0;
		state = banner_feed(banner, copy, n, &used);
		FUZZ_CHECK(used <= n && (state != BANNER_MORE || used == n));
		FUZZ_CHECK(state == banner->state);
		at += used;
		free(copy);
	}
	return at;
}

static void check_banner(const struct banner *banner)
{
	FUZZ_CHECK(fuzz_is_terminated(banner->name, sizeof(banner->name)));
	FUZZ_CHECK(banner->name[0] == '\0' || domain_is_hostname(banner->name));
	FUZZ_CHECK(banner->code >= 0 && banner->code <= 559);
	FUZZ_CHECK(banner->state != BANNER_COMPLETE || banner->code >= 200);
	FUZZ_CHECK(banner->lines <= BANNER_LINES_MAX);
}

void fuzz_banner(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const uint8_t kind = fuzz_octet(&input);
	struct banner whole, cut;

	banner_open(&whole, OCTETS_MAX, kind & 1);
	banner_open(&cut, OCTETS_MAX, kind & 1);
	const size_t used = feed(&whole, input.at, input.left, input.left);
	FUZZ_CHECK(feed(&cut, input.at, input.left, 1 + (size_t)(kind >> 1)) == used);
	FUZZ_CHECK(used <= OCTETS_MAX + 1);
	check_banner(&whole);
	FUZZ_CHECK(whole.state == cut.state && whole.code == cut.code && strcmp(whole.name, cut.name) == 0);
}
