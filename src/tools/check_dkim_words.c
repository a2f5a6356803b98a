/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What --dkim says beside the results: hints, traits, notes on the message.
 */
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "tools/check_dkim.h"

static const struct {
	enum dkim_trait trait;
	const char *word;
} traits[] = {
	{ DKIM_TRAIT_WEAK_KEY, "weak_key" },
	{ DKIM_TRAIT_SHORT_KEY, "short_key" },
	{ DKIM_TRAIT_SHA1, "sha1" },
	{ DKIM_TRAIT_PARTIAL, "partial" },
	{ DKIM_TRAIT_EXPIRED, "expired" },
	{ DKIM_TRAIT_TESTING, "testing" },
	{ DKIM_TRAIT_REVOKED, "revoked" },
	{ DKIM_TRAIT_NO_KEY, "no_key" },
	{ DKIM_TRAIT_NOT_CHECKED, "not_checked" },
	{ DKIM_TRAIT_BODY, "body" },
};

const char *dkim_trait_next(unsigned set, size_t *offset)
{
	while (*offset < COUNT(traits)) {
		const size_t i = (*offset)++;
		if (set & traits[i].trait)
			return traits[i].word;
	}
	return NULL;
}

const char *dkim_note_next(const struct dkim_report *report, size_t *offset)
{
	const struct {
		bool is_so;
		const char *text;
	} notes[] = {
		{ report->notes->lf, "its lines end in LF; it was read as if they ended in CRLF" },
		{ report->notes->mbox, "its first line is that of a mailbox, and was left out" },
		{ report->notes->no_blank, "no blank line ends its header" },
		{ report->notes->nul, "its header has NUL octets, which were read as octets 1" },
		{ report->notes->cut, "a header field is too long, and was cut" },
		{ report->damaged, "its body has a bare CR, a bare LF or a NUL" },
	};

	while (*offset < COUNT(notes)) {
		const size_t i = (*offset)++;
		if (notes[i].is_so)
			return notes[i].text;
	}
	return NULL;
}

bool dkim_story_is_there(const struct dkim_story *story, const struct dkim_field *fields, size_t i, size_t *covered)
{
	const char *name = story->signature->fields[i];
	const struct dkim_field *field;

	if (*covered == story->n_covered)
		return false;
	field = &fields[story->covered[*covered]];
	if (field->name_octets != strlen(name) || strncasecmp(field->text, name, field->name_octets) != 0)
		return false;
	(*covered)++;
	return true;
}

/* ---- hints ---- */

static const struct {
	enum dkim_trait trait;
	const char *text;
} hints[] = {
	{ DKIM_TRAIT_NOT_CHECKED, "only the first signatures from the top are verified" },
	{ DKIM_TRAIT_NO_KEY, "the key was never published or has been taken away since, or the selector is wrong" },
	{ DKIM_TRAIT_REVOKED, "its owner has withdrawn the key; with an old message that is no wonder" },
	{ DKIM_TRAIT_EXPIRED, "with an old message that is no wonder; --now sets the time of the check" },
	{ DKIM_TRAIT_SHA1, "the signer has to go over to rsa-sha256 or ed25519-sha256" },
	{ DKIM_TRAIT_WEAK_KEY, "the signer needs a longer key, of 2048 bits best" },
};

static const char *hint_of_fail(const struct dkim_story *story, const struct dkim_report *report)
{
	if (story->result->traits & DKIM_TRAIT_BODY && report->damaged)
		return "the body was changed on the way: it has line ends that no mail has";
	if (story->result->traits & DKIM_TRAIT_BODY && story->signature->body_canon == DKIM_SIMPLE)
		return "the body was changed on the way: a mailing list's footer, another encoding, or no more than white "
		       "space, which simple canonicalisation does not forgive";
	if (story->result->traits & DKIM_TRAIT_BODY)
		return "the body was changed on the way: a mailing list's footer, another encoding, a line that was "
		       "added or cut";
	if (story->signature && story->signature->header_canon == DKIM_SIMPLE)
		return "a header field that it covers was changed, added or taken away on the way, be it only its white "
		       "space or folding; or another key has signed";
	return "a header field that it covers was changed, added or taken away on the way; or another key has signed";
}

const char *dkim_story_hint(const struct dkim_story *story, const struct dkim_report *report)
{
	const struct dkim_result *result = story->result;

	if (result->code == DKIM_PASS)
		return "";
	for (size_t i = 0; i < COUNT(hints); i++) {
		if (result->traits & hints[i].trait)
			return hints[i].text;
	}
	if (result->code == DKIM_TEMPERROR)
		return "DNS did not answer; the same check may have another result later";
	if (result->code == DKIM_FAIL)
		return hint_of_fail(story, report);
	if (story->signature && story->signature->has_length)
		return "the signer should leave l= out: it lets anybody add to the message";
	return "";
}
