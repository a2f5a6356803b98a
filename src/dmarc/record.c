/* SPDX-License-Identifier: BSD-2-Clause */
#include "dmarc/record.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"

#define VERSION_TAG "DMARC1"

struct span {
	const char *at;
	size_t octets;
};

struct tag {
	struct span name, value;
};

/* The values that a tag takes, the first of them 0. */
static const char *const policies[] = { "none", "quarantine", "reject", NULL };
static const char *const no_or_yes[] = { "n", "y", NULL };
static const char *const relaxed_or_strict[] = { "r", "s", NULL };
static const char *const psd_values[] = { "u", "y", "n", NULL };

enum known { KNOWN_P, KNOWN_SP, KNOWN_NP, KNOWN_PSD, KNOWN_T, KNOWN_ADKIM, KNOWN_ASPF, N_KNOWN };

static const struct {
	const char *name;
	const char *const *values;
} known_tags[N_KNOWN] = {
	[KNOWN_P] = { "p", policies },
	[KNOWN_SP] = { "sp", policies },
	[KNOWN_NP] = { "np", policies },
	[KNOWN_PSD] = { "psd", psd_values },
	[KNOWN_T] = { "t", no_or_yes },
	[KNOWN_ADKIM] = { "adkim", relaxed_or_strict },
	[KNOWN_ASPF] = { "aspf", relaxed_or_strict },
};

#define ABSENT (-1)
#define BAD    (-2)

/* ---- syntax ---- */

static bool is_wsp(char octet)
{
	return octet == ' ' || octet == '\t';
}

static bool is_alpha(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static struct span trim(struct span text)
{
	for (; text.octets > 0 && is_wsp(text.at[0]); text.octets--)
		text.at++;
	while (text.octets > 0 && is_wsp(text.at[text.octets - 1]))
		text.octets--;
	return text;
}

/* What is before `end`, taken off the front of the text together with it; all when there is none. */
static struct span take_until(struct span *text, char end)
{
	const char *found = text->octets > 0 ? memchr(text->at, end, text->octets) : NULL;
	struct span taken = { text->at, found != NULL ? (size_t)(found - text->at) : text->octets };
	size_t gone = found != NULL ? taken.octets + 1 : taken.octets;

	text->at += gone;
	text->octets -= gone;
	return taken;
}

static bool is_same(struct span text, const char *other)
{
	return text.octets == strlen(other) && strncasecmp(text.at, other, text.octets) == 0;
}

/* The next stretch between semicolons, as a tag; its name is empty when it is none. False: there are no more. */
static bool next_tag(struct span *text, struct tag *tag)
{
	if (text->octets == 0)
		return false;
	struct span rest = take_until(text, ';');
	tag->name = trim(take_until(&rest, '='));
	tag->value = trim(rest);
	return true;
}

bool dmarc_is_record(const uint8_t *octets, size_t length)
{
	struct span text = { (const char *)octets, length };
	struct tag tag;

	return length > 0 && is_alpha(text.at[0]) && next_tag(&text, &tag) && is_same(tag.name, "v") &&
	       tag.value.octets == strlen(VERSION_TAG) && memcmp(tag.value.at, VERSION_TAG, strlen(VERSION_TAG)) == 0;
}

/* ---- report addresses ---- */

static bool is_uri_octet(char octet)
{
	return is_alpha(octet) || is_digit(octet) || (octet != '\0' && strchr("-._~:/?#[]@$&'()*+;=%", octet) != NULL);
}

/* scheme ":" and something (RFC 3986 3), "!" and the size that was once asked for behind it. */
static bool is_uri(struct span text)
{
	struct span uri = take_until(&text, '!');
	struct span scheme = take_until(&uri, ':');

	if (scheme.octets == 0 || uri.octets == 0 || !is_alpha(scheme.at[0]))
		return false;
	for (size_t i = 0; i < scheme.octets; i++) {
		char octet = scheme.at[i];
		if (!is_alpha(octet) && !is_digit(octet) && octet != '+' && octet != '-' && octet != '.')
			return false;
	}
	for (size_t i = 0; i < uri.octets; i++) {
		if (!is_uri_octet(uri.at[i]))
			return false;
	}
	return true;
}

static bool has_uri(struct span list)
{
	bool found = false;

	while (!found && list.octets > 0)
		found = is_uri(trim(take_until(&list, ',')));
	return found;
}

/* ---- the record ---- */

static int value_of(struct span value, const char *const *values)
{
	for (int i = 0; values[i] != NULL; i++) {
		if (is_same(value, values[i]))
			return i;
	}
	return BAD;
}

static void take_known(int values[N_KNOWN], const struct tag *tag)
{
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (!is_same(tag->name, known_tags[i].name))
			continue;
		int value = value_of(tag->value, known_tags[i].values);
		values[i] = values[i] == ABSENT || values[i] == value ? value : BAD;
	}
}

/* Returns whether there is somebody to tell. */
static bool take_tags(int values[N_KNOWN], struct span text)
{
	struct tag tag;
	bool rua = false;

	for (size_t i = 0; i < N_KNOWN; i++)
		values[i] = ABSENT;
	while (next_tag(&text, &tag)) {
		take_known(values, &tag);
		rua = rua || (is_same(tag.name, "rua") && has_uri(tag.value));
	}
	return rua;
}

static const char *find_problem(const int values[N_KNOWN])
{
	if (values[KNOWN_P] == BAD)
		return "its p= is not valid";
	if (values[KNOWN_SP] == BAD)
		return "its sp= is not valid";
	return values[KNOWN_NP] == BAD ? "its np= is not valid" : "";
}

static int value_or(int value, int otherwise)
{
	return value >= 0 ? value : otherwise;
}

void dmarc_record_parse(struct dmarc_record *record, const uint8_t *octets, size_t length)
{
	int values[N_KNOWN];
	bool rua = take_tags(values, (struct span){ (const char *)octets, length });

	*record = (struct dmarc_record){ .problem = find_problem(values) };
	record->usable = *record->problem == '\0' || rua;
	if (*record->problem == '\0') {
		int p = value_or(values[KNOWN_P], DMARC_POLICY_NONE); /* absent (4.7) */
		int sp = value_or(values[KNOWN_SP], p);
		record->p = (enum dmarc_policy)p;
		record->sp = (enum dmarc_policy)sp;
		record->np = (enum dmarc_policy)value_or(values[KNOWN_NP], sp);
	}
	record->psd = (enum dmarc_psd)value_or(values[KNOWN_PSD], DMARC_PSD_UNKNOWN);
	record->testing = value_or(values[KNOWN_T], 0) == 1;
	record->strict_dkim = value_or(values[KNOWN_ADKIM], 0) == 1;
	record->strict_spf = value_or(values[KNOWN_ASPF], 0) == 1;
}

enum dmarc_policy dmarc_softened(enum dmarc_policy policy)
{
	return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}
