/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two stages. The first reduces white space (relaxed only) and looks for damage. Both need no more than an octet and
 * the two after it, so it works on 64 octets at a time in loops without branches, which compilers turn into vector
 * code; blocks in which nothing changes join into runs, and runs go on straight from the input. The second holds back
 * the line ends at the end of what it gets, as a count, until it shows whether they are the end of the body. It hashes
 * the rest.
 *
 * For hashing, a bare CR, a bare LF and NUL are octets like any other, as in the RFC; they are only reported.
 */
#include "dkim/body.h"

#include <string.h>

#include "base/base.h"

#define BLOCK_OCTETS  64U    /* looked at together */
#define AHEAD_OCTETS  2U     /* that decide about the last octet of a block */
#define RUN_MAX       16384U /* hashed at once while it is still in the processor's nearest cache */
#define GATHER_OCTETS 4096U  /* short runs are gathered: each call of a digest has its price */
#define DIRECT_MIN    1024U  /* runs from here on are not copied */
#define NO_LIMIT      UINT64_MAX
#define TAB_CODE      9 /* NUL and the other octets up to TAB are rare: one comparison finds them together */

/* One digest for all ways that differ only in l=: their hashes are taken on the way. */
struct stream {
	struct dkim_digest *digest; /* NULL: not wanted */
	uint64_t hashed;
	uint64_t next_limit; /* the least of its wants that are not taken yet */
};

struct canoniser {
	bool wanted, relaxed;
	bool damaged;
	struct dkim_body *body;

	/* first stage */
	uint8_t last; /* simple: the last octet so far */
	bool cr, wsp; /* relaxed: held back at the end of a piece; the WSP is before the CR */
	size_t gathered;
	uint8_t *gather; /* between the stages */

	/* second stage */
	bool torn; /* what it got ended in a CR */
	uint64_t line_ends;
	uint64_t octets;          /* given out */
	struct stream streams[2]; /* SHA-256, SHA-1 */
};

struct want {
	enum dkim_canon canon;
	bool sha1, has_length, taken;
	uint64_t limit;
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	size_t hash_octets;
};

struct dkim_body {
	struct arena *arena;
	struct canoniser canonisers[2]; /* by enum dkim_canon */
	struct want wants[DKIM_BODY_VARIANTS_MAX];
	int n_wants;
};

/* ---- what is wanted ---- */

static void undo(void *context)
{
	struct dkim_body *body = context;

	for (size_t i = 0; i < COUNT(body->canonisers); i++) {
		dkim_digest_close(&body->canonisers[i].streams[false].digest);
		dkim_digest_close(&body->canonisers[i].streams[true].digest);
	}
}

struct dkim_body *dkim_body_open(struct arena *arena)
{
	struct dkim_body *body = arena_alloc(arena, sizeof(*body));

	body->arena = arena;
	for (size_t i = 0; i < COUNT(body->canonisers); i++)
		body->canonisers[i].body = body;
	body->canonisers[DKIM_RELAXED].relaxed = true;
	arena_defer(arena, undo, body);
	return body;
}

static void canoniser_start(struct canoniser *canoniser)
{
	if (canoniser->wanted)
		return;
	canoniser->wanted = true;
	canoniser->last = 'x'; /* no NUL, no CR */
	canoniser->gather = arena_alloc(canoniser->body->arena, GATHER_OCTETS);
}

int dkim_body_want(struct dkim_body *body, enum dkim_canon canon, bool sha1, bool has_length, uint64_t length)
{
	struct canoniser *canoniser = &body->canonisers[canon];
	struct stream *stream = &canoniser->streams[sha1];
	uint64_t limit = has_length ? length : NO_LIMIT;

	for (int i = 0; i < body->n_wants; i++) {
		const struct want *want = &body->wants[i];
		if (want->canon == canon && want->sha1 == sha1 && want->has_length == has_length &&
		    want->limit == limit)
			return i;
	}
	if (body->n_wants == DKIM_BODY_VARIANTS_MAX)
		return -1;
	canoniser_start(canoniser);
	if (stream->digest == NULL) {
		stream->digest = dkim_digest_open(sha1);
		stream->next_limit = limit;
	}
	if (limit < stream->next_limit)
		stream->next_limit = limit;
	body->wants[body->n_wants] =
		(struct want){ .canon = canon, .sha1 = sha1, .has_length = has_length, .limit = limit };
	return body->n_wants++;
}

/* ---- second stage ---- */

/* Take the hash for the wants that end here (at the end: for all that are left) and see how far it is to the next. */
static void take(struct canoniser *canoniser, struct stream *stream, bool all)
{
	struct dkim_body *body = canoniser->body;

	stream->next_limit = NO_LIMIT;
	for (int i = 0; i < body->n_wants; i++) {
		struct want *want = &body->wants[i];
		if (want->taken || &body->canonisers[want->canon].streams[want->sha1] != stream)
			continue;
		if (all || want->limit <= stream->hashed) {
			want->hash_octets = dkim_digest_get(stream->digest, want->hash);
			want->taken = true;
		} else if (want->limit < stream->next_limit) {
			stream->next_limit = want->limit;
		}
	}
}

static bool is_wanted_still(const struct canoniser *canoniser, const struct stream *stream)
{
	const struct dkim_body *body = canoniser->body;

	for (int i = 0; i < body->n_wants; i++) {
		const struct want *want = &body->wants[i];
		if (!want->taken && &body->canonisers[want->canon].streams[want->sha1] == stream)
			return true;
	}
	return false;
}

static void stream_add(struct canoniser *canoniser, struct stream *stream, const uint8_t *octets, size_t length)
{
	size_t left = length;

	while (left > 0 && is_wanted_still(canoniser, stream)) {
		uint64_t room = stream->next_limit - stream->hashed;
		size_t step = room < left ? (size_t)room : left;
		dkim_digest_add(stream->digest, octets + (length - left), step);
		stream->hashed += step;
		left -= step;
		if (stream->hashed == stream->next_limit)
			take(canoniser, stream, false);
	}
}

static void give_out(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	canoniser->octets += length;
	for (size_t i = 0; i < COUNT(canoniser->streams); i++) {
		if (canoniser->streams[i].digest != NULL)
			stream_add(canoniser, &canoniser->streams[i], octets, length);
	}
}

static void release_line_ends(struct canoniser *canoniser)
{
	static const uint8_t line_ends[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	const uint64_t at_once = sizeof(line_ends) / 2;

	while (canoniser->line_ends > 0) {
		uint64_t n = canoniser->line_ends < at_once ? canoniser->line_ends : at_once;
		give_out(canoniser, line_ends, (size_t)(2 * n));
		canoniser->line_ends -= n;
	}
}

/* The CR at the end of the last piece was half a line end, or an octet like others. */
static void mend(struct canoniser *canoniser, bool line_end)
{
	canoniser->torn = false;
	if (line_end) {
		canoniser->line_ends++;
	} else {
		release_line_ends(canoniser);
		give_out(canoniser, (const uint8_t *)"\r", 1);
	}
}

static void hold_line_ends(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	uint64_t line_ends = 0;

	if (canoniser->torn && length > 0) {
		bool line_end = octets[0] == '\n';
		mend(canoniser, line_end);
		octets += line_end;
		length -= line_end;
	}
	if (length > 0 && octets[length - 1] == '\r') {
		canoniser->torn = true;
		length--;
	}
	for (; length >= 2 && octets[length - 2] == '\r' && octets[length - 1] == '\n'; length -= 2)
		line_ends++;
	if (length > 0) {
		release_line_ends(canoniser);
		give_out(canoniser, octets, length);
	}
	canoniser->line_ends += line_ends;
}

/* ---- between the stages ---- */

static void flush_gathered(struct canoniser *canoniser)
{
	hold_line_ends(canoniser, canoniser->gather, canoniser->gathered);
	canoniser->gathered = 0;
}

/* Room for so many octets. */
static uint8_t *gather_room(struct canoniser *canoniser, size_t length)
{
	if (length > GATHER_OCTETS - canoniser->gathered)
		flush_gathered(canoniser);
	return canoniser->gather + canoniser->gathered;
}

static void gather_octet(struct canoniser *canoniser, uint8_t octet)
{
	*gather_room(canoniser, 1) = octet;
	canoniser->gathered++;
}

/* A run of the input in which nothing changes. */
static void pass_run(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	if (length >= DIRECT_MIN) {
		flush_gathered(canoniser);
		hold_line_ends(canoniser, octets, length);
	} else if (length > 0) {
		memcpy(gather_room(canoniser, length), octets, length);
		canoniser->gathered += length;
	}
}

/* ---- first stage, simple ---- */

/* All these flags are 0 or 1 in an octet, and no operator branches, for the sake of vector code. */
static inline uint8_t is_damage(uint8_t octet, uint8_t next)
{
	return (uint8_t)((uint8_t)(octet == 0) | ((uint8_t)(octet == '\r') ^ (uint8_t)(next == '\n')));
}

/* Is there damage in [at, at + length), the octet after it included as far as it belongs to a line end? */
static bool is_damaged(const uint8_t *at, size_t length)
{
	const uint8_t *end = at + length;
	uint8_t found = 0;

	for (; (size_t)(end - at) >= BLOCK_OCTETS; at += BLOCK_OCTETS) {
		const uint8_t *next = at + 1;
		uint8_t block = 0;
		for (size_t i = 0; i < BLOCK_OCTETS; i++)
			block |= is_damage(at[i], next[i]);
		found |= block;
	}
	for (; at < end; at++)
		found |= is_damage(at[0], at[1]);
	return found != 0;
}

static void add_simple(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	canoniser->damaged |= is_damage(canoniser->last, octets[0]) != 0;
	while (length > 0) {
		size_t step = length < RUN_MAX ? length : RUN_MAX;
		canoniser->damaged |= is_damaged(octets, step < length ? step : step - 1);
		canoniser->last = octets[step - 1];
		pass_run(canoniser, octets, step);
		octets += step;
		length -= step;
	}
}

/* ---- first stage, relaxed ---- */

static inline uint8_t is_wsp(uint8_t octet)
{
	return (uint8_t)((uint8_t)(octet == ' ') | (uint8_t)(octet == '\t'));
}

/* Is one of these flags set? (Found in a loop of its own, or compilers make poor code of the first.) */
static inline bool any(const uint8_t flags[BLOCK_OCTETS])
{
	uint8_t found = 0;

	for (size_t i = 0; i < BLOCK_OCTETS; i++)
		found |= flags[i];
	return found != 0;
}

/* May something have to change, or be damage? A TAB, a space before white space or CR or LF (or a rare octet). */
static inline uint8_t is_event(uint8_t octet, uint8_t next)
{
	uint8_t space = (uint8_t)((uint8_t)(octet == ' ') & (uint8_t)(next <= ' '));
	uint8_t torn = (uint8_t)((uint8_t)(octet == '\r') ^ (uint8_t)(next == '\n'));

	return (uint8_t)((uint8_t)(octet <= TAB_CODE) | space | torn);
}

static bool has_event(const uint8_t *at)
{
	const uint8_t *next = at + 1;
	uint8_t events[BLOCK_OCTETS];

	for (size_t i = 0; i < BLOCK_OCTETS; i++)
		events[i] = is_event(at[i], next[i]);
	return any(events);
}

/* White space goes when more of it follows, or the end of the line; else it becomes a space. */
static void reduce_block(struct canoniser *canoniser, const uint8_t *at)
{
	const uint8_t *next = at + 1, *after = at + 2;
	uint8_t octets[BLOCK_OCTETS], keeps[BLOCK_OCTETS], damage[BLOCK_OCTETS];
	uint8_t *out = gather_room(canoniser, BLOCK_OCTETS);
	size_t n = 0;

	for (size_t i = 0; i < BLOCK_OCTETS; i++) {
		uint8_t line_end = (uint8_t)((uint8_t)(next[i] == '\r') & (uint8_t)(after[i] == '\n'));
		octets[i] = at[i] == '\t' ? ' ' : at[i];
		keeps[i] = (uint8_t)(1 ^ (is_wsp(at[i]) & (is_wsp(next[i]) | line_end)));
		damage[i] = is_damage(at[i], next[i]);
	}
	for (size_t i = 0; i < BLOCK_OCTETS; i++) {
		out[n] = octets[i];
		n += keeps[i];
	}
	canoniser->gathered += n;
	canoniser->damaged |= any(damage);
}

/* As many blocks as there are, with nothing held back before them. Returns where they end. */
static const uint8_t *add_blocks(struct canoniser *canoniser, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *run = at;

	for (; (size_t)(end - at) >= BLOCK_OCTETS + AHEAD_OCTETS; at += BLOCK_OCTETS) {
		bool event = has_event(at);
		if (!event && (size_t)(at - run) < RUN_MAX)
			continue;
		pass_run(canoniser, run, (size_t)(at - run));
		run = at;
		if (event) {
			reduce_block(canoniser, at);
			run += BLOCK_OCTETS;
		}
	}
	pass_run(canoniser, run, (size_t)(at - run));
	if (at[-1] == '\r' && at[0] == '\n') /* the second half of a line end of which the first half has gone on */
		gather_octet(canoniser, *at++);
	return at;
}

/* The CR was a bare one. */
static void release_cr(struct canoniser *canoniser)
{
	if (canoniser->wsp)
		gather_octet(canoniser, ' ');
	gather_octet(canoniser, '\r');
	canoniser->cr = canoniser->wsp = false;
	canoniser->damaged = true;
}

static void add_octet(struct canoniser *canoniser, uint8_t octet)
{
	if (canoniser->cr && octet != '\n')
		release_cr(canoniser);
	if (octet == '\r') {
		canoniser->cr = true;
	} else if (is_wsp(octet)) {
		canoniser->wsp = true;
	} else if (canoniser->cr) {
		gather_octet(canoniser, '\r');
		gather_octet(canoniser, '\n');
		canoniser->cr = canoniser->wsp = false;
	} else {
		if (canoniser->wsp)
			gather_octet(canoniser, ' ');
		gather_octet(canoniser, octet);
		canoniser->wsp = false;
		canoniser->damaged |= octet == '\0' || octet == '\n';
	}
}

/* Octets one by one where a piece begins within white space or a line end, and where it ends. */
static void add_relaxed(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	const uint8_t *at = octets, *end = octets + length;

	while (at < end) {
		if ((size_t)(end - at) >= BLOCK_OCTETS + AHEAD_OCTETS && !canoniser->cr && !canoniser->wsp &&
		    *at != '\n')
			at = add_blocks(canoniser, at, end);
		add_octet(canoniser, *at++);
	}
}

/* ---- the body ---- */

static void add(struct canoniser *canoniser, const uint8_t *octets, size_t length)
{
	if (canoniser->relaxed)
		add_relaxed(canoniser, octets, length);
	else
		add_simple(canoniser, octets, length);
}

void dkim_body_add(struct dkim_body *body, const uint8_t *octets, size_t length)
{
	if (length == 0)
		return;
	if (body->n_wants == 0) /* for the sake of dkim_body_is_damaged() */
		canoniser_start(&body->canonisers[DKIM_SIMPLE]);
	for (size_t i = 0; i < COUNT(body->canonisers); i++) {
		if (body->canonisers[i].wanted)
			add(&body->canonisers[i], octets, length);
	}
}

static void finish(struct canoniser *canoniser)
{
	if (canoniser->cr)
		release_cr(canoniser);
	canoniser->damaged |= is_damage(canoniser->last, 'x') != 0;
	flush_gathered(canoniser);
	if (canoniser->torn)
		mend(canoniser, false);
	if (canoniser->octets > 0 || !canoniser->relaxed)
		give_out(canoniser, (const uint8_t *)"\r\n", 2);
	for (size_t i = 0; i < COUNT(canoniser->streams); i++) {
		if (canoniser->streams[i].digest != NULL)
			take(canoniser, &canoniser->streams[i], true);
	}
}

void dkim_body_finish(struct dkim_body *body)
{
	for (size_t i = 0; i < COUNT(body->canonisers); i++) {
		if (body->canonisers[i].wanted)
			finish(&body->canonisers[i]);
	}
}

void dkim_body_get(const struct dkim_body *body, int number, struct dkim_body_result *result)
{
	const struct want *want = &body->wants[number];

	*result = (struct dkim_body_result){ .octets = body->canonisers[want->canon].octets };
	result->hash_octets = want->hash_octets;
	memcpy(result->hash, want->hash, sizeof(result->hash));
	result->covered = want->limit < result->octets ? want->limit : result->octets;
}

bool dkim_body_is_damaged(const struct dkim_body *body)
{
	return body->canonisers[DKIM_SIMPLE].damaged || body->canonisers[DKIM_RELAXED].damaged;
}
