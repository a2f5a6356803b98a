/* SPDX-License-Identifier: BSD-2-Clause */
#include "dkim/canonical.h"

#include <string.h>
#include <strings.h>

#include "mail/tags.h"

#define LIBRARY_SIGNATURE_OCTETS_MAX 60000 /* it gives the whole message up at 65,536 */
#define LIBRARY_NAMES_OCTETS_MAX     4000  /* it cuts h= at 4,096 */
#define LIBRARY_TIME_MIN             DKIM_LIBRARY_DRIFT_S

/* ---- which fields ---- */

static bool is_named(const struct dkim_field *field, const char *name, size_t octets)
{
	return field->name_octets == octets && strncasecmp(field->text, name, octets) == 0;
}

size_t dkim_select_fields(const struct dkim_field *fields, size_t n_fields, size_t own, size_t *covered)
{
	const struct dkim_signature *signature = fields[own].signature;
	bool taken[DKIM_HEADER_FIELDS_MAX] = { false };
	size_t n = 0;

	taken[own] = true;
	for (size_t i = 0; i < signature->n_fields; i++) {
		const char *name = signature->fields[i];
		size_t octets = strlen(name), at = n_fields;
		while (at > 0 && (taken[at - 1] || !is_named(&fields[at - 1], name, octets)))
			at--;
		if (at > 0) {
			taken[at - 1] = true;
			covered[n++] = at - 1;
		}
	}
	return n;
}

/* ---- canonical text ---- */

struct text {
	char *at; /* where the next octet goes; there is room for all that comes */
};

static void put(struct text *text, const char *octets, size_t length)
{
	memcpy(text->at, octets, length);
	text->at += length;
}

static bool is_wsp(char octet)
{
	return octet == ' ' || octet == '\t';
}

static bool is_fws(char octet)
{
	return is_wsp(octet) || octet == '\r' || octet == '\n';
}

static void put_name(struct text *text, const struct dkim_field *field)
{
	for (size_t i = 0; i < field->name_octets; i++) {
		char octet = field->text[i];
		*text->at++ = octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
	}
	*text->at++ = ':';
}

/* RFC 6376 3.4.2: line ends of folding go, white space becomes one space, none is left at the ends. */
static void put_relaxed(struct text *text, const char *value, size_t octets)
{
	const char *begin = text->at;
	bool wsp = false;

	for (size_t i = 0; i < octets; i++) {
		if (value[i] == '\r' && i + 1 < octets && value[i + 1] == '\n') {
			i++;
		} else if (is_wsp(value[i])) {
			wsp = true;
		} else {
			if (wsp && text->at > begin)
				*text->at++ = ' ';
			wsp = false;
			*text->at++ = value[i];
		}
	}
}

static void put_field(struct text *text, const struct dkim_field *field, enum dkim_canon canon)
{
	if (canon == DKIM_SIMPLE) {
		put(text, field->text, field->octets);
		return;
	}
	put_name(text, field);
	put_relaxed(text, field->text + field->value_at, field->octets - field->value_at);
}

/* Where a tag's name begins and ends. */
struct name {
	const char *at;
	size_t octets;
};

/* The name of the tag that begins here: up to "=", without white space at its ends. */
static struct name tag_name(const char *at, const char *end)
{
	const char *equals = memchr(at, '=', (size_t)(end - at));

	if (equals == NULL)
		equals = at;
	while (at < equals && is_fws(*at))
		at++;
	while (equals > at && is_fws(equals[-1]))
		equals--;
	return (struct name){ at, (size_t)(equals - at) };
}

/* The end of the tag that begins here: its semicolon, or the end of the text. */
static const char *tag_end(const char *at, const char *end)
{
	const char *semicolon = memchr(at, ';', (size_t)(end - at));

	return semicolon != NULL ? semicolon : end;
}

/* The signature's own field with nothing in b=, as another field; the text is in `copy`, which has room for it. */
static struct dkim_field emptied(const struct dkim_field *field, char *copy)
{
	const char *at = field->text + field->value_at, *end = field->text + field->octets;
	struct dkim_field other = *field;
	struct text text = { copy };

	put(&text, field->text, field->value_at);
	for (;;) {
		const char *stop = tag_end(at, end);
		struct name name = tag_name(at, stop);
		bool is_b = name.octets == 1 && name.at[0] == 'b';
		put(&text, at,
		    is_b ? (size_t)((const char *)memchr(name.at, '=', (size_t)(stop - name.at)) + 1 - at)
		         : (size_t)(stop - at));
		if (stop == end)
			break;
		*text.at++ = ';';
		at = stop + 1;
	}
	other.text = copy;
	other.octets = (size_t)(text.at - copy);
	return other;
}

char *dkim_canonical_text(const struct dkim_field *fields, size_t own, const size_t *covered, size_t n_covered,
                          size_t *octets)
{
	enum dkim_canon canon = fields[own].signature->header_canon;
	size_t room = 2 * fields[own].octets + 1;
	struct dkim_field last;
	struct text text;
	char *memory;

	for (size_t i = 0; i < n_covered; i++)
		room += fields[covered[i]].octets + strlen("\r\n");
	memory = memory_new(room);
	text.at = memory;
	for (size_t i = 0; i < n_covered; i++) {
		put_field(&text, &fields[covered[i]], canon);
		put(&text, "\r\n", strlen("\r\n"));
	}
	/* behind what is the most that its canonical form can take */
	last = emptied(&fields[own], memory + room - 1 - fields[own].octets);
	put_field(&text, &last, canon);
	*text.at = '\0';
	*octets = (size_t)(text.at - memory);
	return memory;
}

/* ---- what the library does otherwise ---- */

/* To it, vertical tabs, form feeds and bare CR are white space, and folding is a space. */
static const char *white_space_oddity(const char *text, size_t octets)
{
	for (size_t i = 0; i < octets; i++) {
		char octet = text[i];
		if ((unsigned char)octet >= ' ' || octet == '\t')
			continue;
		if (octet == '\v' || octet == '\f')
			return "a vertical tab or form feed in a field";
		if (octet == '\r' && text[i + 1] == '\n' && is_wsp(text[i + 2]))
			i++;
		else if (octet == '\r' || octet == '\n')
			return "a bare line end in a field";
	}
	return NULL;
}

/* It takes names of tags for the same that differ in case, and what is before "=" for the last letter of the name. */
static const char *tags_oddity(const struct tag_list *tags)
{
	for (size_t i = 0; i < tags->n; i++) {
		const struct tag *tag = &tags->tags[i];
		char last = tag->name[tag->name_octets - 1];
		if (last == 'b' && tag->name_octets > 1)
			return "a tag with a name that ends in b";
		if (tag->name_octets == 1 && last == 'b' && tag->name[1] != '=')
			return "white space between b and =";
		for (size_t j = 0; j < i; j++) {
			if (tags->tags[j].name_octets == tag->name_octets &&
			    strncasecmp(tags->tags[j].name, tag->name, tag->name_octets) == 0)
				return "tags with names that differ in case only";
		}
	}
	return NULL;
}

static const char *names_oddity(const struct dkim_signature *signature)
{
	size_t octets = 0;

	for (size_t i = 0; i < signature->n_fields; i++) {
		octets += strlen(signature->fields[i]) + 1;
		if (strcmp(signature->fields[i], "dkim-signature") == 0)
			return "a signature that covers others";
	}
	return octets > LIBRARY_NAMES_OCTETS_MAX ? "a long h=" : NULL;
}

/* It looks for the domain after the first "@". */
static const char *identity_oddity(const struct tag_list *tags)
{
	const struct tag *tag = tags_find(tags, "i");
	const char *at = tag != NULL ? memchr(tag->value, '@', tag->value_octets) : NULL;

	if (tag == NULL)
		return NULL;
	if (at == NULL || memchr(tag->value, '=', tag->value_octets) != NULL)
		return "an encoded i=";
	return memchr(at + 1, '@', (size_t)(tag->value + tag->value_octets - at) - 1) != NULL ? "several @ in i="
	                                                                                      : NULL;
}

/* To it, a t= below the drift that it allows lies in the future. */
static const char *time_oddity(const struct tag_list *tags, const struct dkim_signature *signature)
{
	bool odd = (tags_find(tags, "t") != NULL && signature->signed_at < LIBRARY_TIME_MIN) ||
	           (signature->has_expiry && signature->expires < LIBRARY_TIME_MIN);

	return odd ? "a time in the last century" : NULL;
}

static const char *own_oddity(const struct dkim_field *field)
{
	char ignored[1];
	struct strbuf problem;
	struct tag_list tags;
	const char *oddity;

	if (field->octets > LIBRARY_SIGNATURE_OCTETS_MAX)
		return "a very long signature";
	for (size_t i = 0; i < field->octets; i++) {
		if ((unsigned char)field->text[i] > 0x7e)
			return "a signature that is not ASCII";
	}
	strbuf_open(&problem, ignored, sizeof(ignored));
	tags_parse(&tags, field->text + field->value_at, field->octets - field->value_at, true, &problem);
	oddity = tags_oddity(&tags);
	if (oddity == NULL)
		oddity = identity_oddity(&tags);
	if (oddity == NULL)
		oddity = time_oddity(&tags, field->signature);
	return oddity != NULL ? oddity : names_oddity(field->signature);
}

const char *dkim_field_oddity(const struct dkim_field *field, enum dkim_canon canon, bool own)
{
	const char *oddity = own ? own_oddity(field) : NULL;

	/* it would refuse the whole message */
	if (oddity == NULL && memchr(field->text, '\t', field->value_at) != NULL)
		oddity = "a tab before a colon";
	if (oddity == NULL && canon == DKIM_RELAXED)
		oddity = white_space_oddity(field->text + field->value_at, field->octets - field->value_at);
	return oddity;
}
