/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan - which of the fields that arrived are to be deleted.
 *
 * A stranger can send as many fields as he likes: what is kept is a count for each X-Spam name and a bit for each
 * Authentication-Results field; what lies beyond the caps is deleted, since it was not looked at.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "headers/headers.h"

#define AUTHRES_NAME "Authentication-Results"
#define XSPAM_PREFIX "X-Spam-"

struct xspam_count {
	char name[HEADER_NAME_MAX];
	unsigned count;
};

struct header_scan {
	const struct headers_settings *settings;
	const char *authserv_id;
	struct arena *arena;
	unsigned n_authres;        /* fields seen */
	uint64_t *forged;          /* a bit a field; allocated with the first forged one */
	struct xspam_count *xspam; /* allocated with the first one */
	size_t n_xspam;
};

static const char *const written_names[] = { "X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status" };

struct header_scan *header_scan_open(const struct headers_settings *settings, const char *authserv_id,
                                     struct arena *arena)
{
	struct header_scan *scan = arena_alloc(arena, sizeof(*scan));

	scan->settings = settings;
	scan->authserv_id = arena_strdup(arena, authserv_id);
	scan->arena = arena;
	return scan;
}

const char *header_scan_authserv_id(const struct header_scan *scan)
{
	return scan->authserv_id;
}

static bool claims_ours(const struct header_scan *scan, const char *value)
{
	const char *const *also = scan->settings->also_strip.items;

	if (authres_claims(value, scan->authserv_id))
		return true;
	for (size_t i = 0; i < scan->settings->also_strip.n; i++)
		if (authres_claims(value, also[i]))
			return true;
	return false;
}

static void authres_seen(struct header_scan *scan, const char *value)
{
	unsigned field = scan->n_authres++;

	if (field >= HEADER_AUTHRES_TRACKED_MAX || !claims_ours(scan, value))
		return;
	if (!scan->forged)
		scan->forged = arena_alloc(scan->arena, HEADER_AUTHRES_TRACKED_MAX / 8);
	scan->forged[field / 64] |= (uint64_t)1 << (field % 64);
}

static void xspam_open(struct header_scan *scan)
{
	scan->xspam = arena_alloc(scan->arena, HEADER_XSPAM_NAMES_MAX * sizeof(*scan->xspam));
	for (size_t i = 0; i < COUNT(written_names); i++)
		memcpy(scan->xspam[scan->n_xspam++].name, written_names[i], strlen(written_names[i]) + 1);
}

static void xspam_seen(struct header_scan *scan, const char *name, size_t length)
{
	if (!scan->xspam)
		xspam_open(scan);
	for (size_t i = 0; i < scan->n_xspam; i++) {
		if (strlen(scan->xspam[i].name) == length && strncasecmp(scan->xspam[i].name, name, length) == 0) {
			scan->xspam[i].count++;
			return;
		}
	}
	if (scan->n_xspam == HEADER_XSPAM_NAMES_MAX)
		return;
	memcpy(scan->xspam[scan->n_xspam].name, name, length);
	scan->xspam[scan->n_xspam++].count = 1;
}

void header_scan_field(struct header_scan *scan, const char *name, const char *value)
{
	size_t length = strcspn(name, " \t:");

	if (length == strlen(AUTHRES_NAME) && strncasecmp(name, AUTHRES_NAME, length) == 0)
		authres_seen(scan, value);
	else if (scan->settings->strip_x_spam && length < HEADER_NAME_MAX &&
	         strncasecmp(name, XSPAM_PREFIX, strlen(XSPAM_PREFIX)) == 0)
		xspam_seen(scan, name, length);
}

static bool authres_deleted(const struct header_scan *scan, unsigned field)
{
	return field >= HEADER_AUTHRES_TRACKED_MAX || (scan->forged && scan->forged[field / 64] >> (field % 64) & 1);
}

/* Entry 0 of the cursor is Authentication-Results, the others are the X-Spam names. */
bool header_scan_next(const struct header_scan *scan, struct header_cursor *cursor, const char **name, unsigned *index)
{
	while (cursor->entry == 0 && cursor->done < scan->n_authres) {
		unsigned field = scan->n_authres - 1 - cursor->done++;
		if (!authres_deleted(scan, field))
			continue;
		*name = AUTHRES_NAME;
		*index = field + 1;
		return true;
	}
	if (cursor->entry == 0)
		*cursor = (struct header_cursor){ .entry = 1 };
	for (; cursor->entry <= scan->n_xspam; *cursor = (struct header_cursor){ .entry = cursor->entry + 1 }) {
		const struct xspam_count *xspam = &scan->xspam[cursor->entry - 1];
		if (cursor->done == xspam->count)
			continue;
		*name = xspam->name;
		*index = xspam->count - cursor->done++;
		return true;
	}
	return false;
}
