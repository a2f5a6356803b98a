/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_canonical.h"

#include <string.h>

#include "base/strbuf.h"
#include "dkim/key.h"

#define ESCAPE_OCTETS 4 /* \xHH */

struct canoniser {
	bool relaxed;
	uint64_t octets, limit; /* so far, and what l= leaves */
	bool cr, wsp;           /* not decided yet */
	uint64_t line_ends;     /* that are dropped unless something follows them */
	struct dkim_digest *digest;
	char *shown; /* room for TOOL_CANONICAL_OCTETS_MAX */
	size_t n_shown;
};

static void emit(struct canoniser *canoniser, char octet)
{
	if (canoniser->octets++ >= canoniser->limit)
		return;
	dkim_digest_add(canoniser->digest, &octet, 1);
	if (canoniser->n_shown < TOOL_CANONICAL_OCTETS_MAX)
		canoniser->shown[canoniser->n_shown++] = octet;
}

static void emit_line_end(struct canoniser *canoniser)
{
	emit(canoniser, '\r');
	emit(canoniser, '\n');
}

static void put(struct canoniser *canoniser, char octet)
{
	for (; canoniser->line_ends > 0; canoniser->line_ends--)
		emit_line_end(canoniser);
	if (canoniser->wsp)
		emit(canoniser, ' ');
	canoniser->wsp = false;
	emit(canoniser, octet);
}

static void take(struct canoniser *canoniser, char octet)
{
	const bool cr = canoniser->cr;

	canoniser->cr = octet == '\r';
	if (cr && octet == '\n') {
		canoniser->line_ends++;
		canoniser->wsp = false;
		return;
	}
	if (cr)
		put(canoniser, '\r');
	if (canoniser->relaxed && (octet == ' ' || octet == '\t'))
		canoniser->wsp = true;
	else if (!canoniser->cr)
		put(canoniser, octet);
}

static void finish(struct canoniser *canoniser)
{
	if (canoniser->cr)
		put(canoniser, '\r');
	if (canoniser->octets > 0 || !canoniser->relaxed)
		emit_line_end(canoniser);
}

static const char *clean(const struct canoniser *canoniser, struct arena *arena)
{
	const size_t size = ESCAPE_OCTETS * canoniser->n_shown + sizeof("\r\n...");
	char *text = arena_alloc(arena, size);
	struct strbuf buf;

	strbuf_open(&buf, text, size);
	for (size_t i = 0; i < canoniser->n_shown; i++) {
		const char octet[] = { canoniser->shown[i], '\0' };
		if (octet[0] == '\r' && i + 1 < canoniser->n_shown && canoniser->shown[i + 1] == '\n') {
			strbuf_add(&buf, "\r\n");
			i++;
		} else if (octet[0] == '\0') {
			strbuf_add(&buf, "\\x00");
		} else {
			strbuf_add_clean(&buf, octet, NULL, ESCAPE_OCTETS);
		}
	}
	if (canoniser->n_shown < canoniser->octets && canoniser->n_shown == TOOL_CANONICAL_OCTETS_MAX)
		strbuf_add(&buf, "...");
	return text;
}

static int read_body(struct canoniser *canoniser, struct tool_message *message, struct err *err)
{
	const uint8_t *octets;
	long n;

	if (tool_message_rewind(message, err))
		return -1;
	while ((n = tool_message_body(message, &octets, err)) > 0) {
		for (long i = 0; i < n; i++)
			take(canoniser, (char)octets[i]);
	}
	finish(canoniser);
	return n < 0 ? -1 : 0;
}

const char *tool_canonical_body(struct tool_message *message, const struct dkim_signature *signature,
                                const struct dkim_body_result *wanted, struct arena *arena, struct err *err)
{
	struct canoniser canoniser = {
		.relaxed = signature->body_canon == DKIM_RELAXED,
		.limit = signature->has_length ? signature->length : UINT64_MAX,
		.digest = dkim_digest_open(signature->algorithm == DKIM_RSA_SHA1),
		.shown = arena_alloc(arena, TOOL_CANONICAL_OCTETS_MAX),
	};
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	const char *text = NULL;

	if (read_body(&canoniser, message, err) == 0) {
		const size_t octets = dkim_digest_get(canoniser.digest, hash);
		if (octets == wanted->hash_octets && memcmp(hash, wanted->hash, octets) == 0)
			text = clean(&canoniser, arena);
	}
	dkim_digest_close(&canoniser.digest);
	return text;
}
