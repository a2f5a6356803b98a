/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/format_fields.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "mail/encoded_word.h"
#include "mail/lines.h"
#include "mail/msgid.h"
#include "mail/utf8.h"

#define NAME_KEPT_MAX  30 /* octets of a field's name in a detail */
#define VALUE_KEPT_MAX 60 /* of a value */
#define LIST_PREFIX    "List-"

typedef void take_value(struct format_fields *fields, const char *value);

static take_value take_date, take_message_id, take_subject, take_content_type, take_encoding, take_precedence,
	take_auto_submitted, take_unsubscribe, take_unsubscribe_post;

/* `readable`: shown to people, so that encoded-words are looked for. */
static const struct {
	const char *name;
	bool readable;
	take_value *take; /* of the first one; NULL: it is counted only */
} known[FIELDS] = {
	[FIELD_DATE] = { "Date", false, take_date },
	[FIELD_SENDER] = { "Sender", true, NULL },
	[FIELD_REPLY_TO] = { "Reply-To", true, NULL },
	[FIELD_TO] = { "To", true, NULL },
	[FIELD_CC] = { "Cc", true, NULL },
	[FIELD_BCC] = { "Bcc", true, NULL },
	[FIELD_MESSAGE_ID] = { "Message-ID", false, take_message_id },
	[FIELD_IN_REPLY_TO] = { "In-Reply-To", false, NULL },
	[FIELD_REFERENCES] = { "References", false, NULL },
	[FIELD_SUBJECT] = { "Subject", true, take_subject },
	[FIELD_MIME_VERSION] = { "MIME-Version", false, NULL },
	[FIELD_CONTENT_TYPE] = { "Content-Type", false, take_content_type },
	[FIELD_CONTENT_TRANSFER_ENCODING] = { "Content-Transfer-Encoding", false, take_encoding },
	[FIELD_FROM] = { "From", true, NULL },
	[FIELD_COMMENTS] = { "Comments", true, NULL },
	[FIELD_CONTENT_DESCRIPTION] = { "Content-Description", true, NULL },
	[FIELD_RESENT_DATE] = { "Resent-Date", false, NULL },
	[FIELD_PRECEDENCE] = { "Precedence", false, take_precedence },
	[FIELD_AUTO_SUBMITTED] = { "Auto-Submitted", false, take_auto_submitted },
	[FIELD_LIST] = { LIST_PREFIX, false, NULL },
	[FIELD_LIST_UNSUBSCRIBE] = { "List-Unsubscribe", false, take_unsubscribe },
	[FIELD_LIST_UNSUBSCRIBE_POST] = { "List-Unsubscribe-Post", false, take_unsubscribe_post },
};

static bool is_space(char octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

/* Without white space at its ends. */
static const char *trim(const char *value, size_t *octets)
{
	const char *end = value + strlen(value);

	while (is_space(*value))
		value++;
	while (end > value && is_space(end[-1]))
		end--;
	*octets = (size_t)(end - value);
	return value;
}

static bool is_word(const char *value, const char *word)
{
	size_t octets;
	const char *text = trim(value, &octets);

	return octets == strlen(word) && strncasecmp(text, word, octets) == 0;
}

static const char *keep(struct format_fields *fields, const char *value)
{
	size_t octets;
	const char *text = trim(value, &octets);

	return arena_copy(fields->arena, text, octets < VALUE_KEPT_MAX ? octets : VALUE_KEPT_MAX);
}

/* ---- fields by name ---- */

static void take_date(struct format_fields *fields, const char *value)
{
	fields->date = keep(fields, value);
	fields->date_state = date_parse(value, &fields->date_s);
}

static void take_message_id(struct format_fields *fields, const char *value)
{
	fields->message_id = keep(fields, value);
	fields->message_id_valid = msgid_is_valid(value);
}

static void take_subject(struct format_fields *fields, const char *value)
{
	size_t octets;

	(void)trim(value, &octets);
	fields->has_subject = octets > 0;
}

static void take_content_type(struct format_fields *fields, const char *value)
{
	content_type_parse(&fields->content_type, value, strlen(value));
}

static void take_encoding(struct format_fields *fields, const char *value)
{
	fields->encoded = !is_word(value, "7bit");
}

static void take_precedence(struct format_fields *fields, const char *value)
{
	fields->bulk = is_word(value, "bulk") || is_word(value, "list") || is_word(value, "junk");
}

/* What follows a ";" are parameters. */
static void take_auto_submitted(struct format_fields *fields, const char *value)
{
	size_t octets;
	const char *text = trim(value, &octets);

	fields->automatic = octets > 0 &&
	                    (strncasecmp(text, "no", 2) != 0 || (octets > 2 && text[2] != ';' && text[2] != ' '));
}

/* RFC 2369 2: URIs in angle brackets. */
static void take_unsubscribe(struct format_fields *fields, const char *value)
{
	static const char *const schemes[] = { "https:", "mailto:", "http:" };

	for (const char *at = strchr(value, '<'); at != NULL; at = strchr(at, '<')) {
		at++;
		while (is_space(*at))
			at++;
		for (size_t i = 0; i < COUNT(schemes); i++) {
			if (strncasecmp(at, schemes[i], strlen(schemes[i])) == 0) {
				fields->unsubscribe_uri = true;
				fields->unsubscribe_https |= i == 0;
			}
		}
	}
}

static void take_unsubscribe_post(struct format_fields *fields, const char *value)
{
	fields->one_click = is_word(value, "List-Unsubscribe=One-Click");
}

/* FIELDS: it is none of those that are known. */
static enum format_field find_field(const char *name, size_t octets)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if ((known[i].name[0] | 0x20) == (name[0] | 0x20) && strlen(known[i].name) == octets &&
		    strncasecmp(name, known[i].name, octets) == 0)
			return (enum format_field)i;
	}
	return strncasecmp(name, LIST_PREFIX, strlen(LIST_PREFIX)) == 0 ? FIELD_LIST : FIELDS;
}

/* ---- all fields ---- */

static void note(struct format_fields *fields, struct format_finding *finding, const char *name, const char *what)
{
	if (finding->field == NULL)
		*finding = (struct format_finding){ arena_copy(fields->arena, name, strnlen(name, NAME_KEPT_MAX)),
			                            what };
}

static void look_at_line(struct format_fields *fields, const char *name, size_t octets)
{
	fields->octets += octets + 2;
	if (octets > fields->longest_line)
		fields->longest_line = octets;
	if (octets > LINES_OCTETS_MAX)
		note(fields, &fields->long_line, name, "");
}

/* The line ends that fold a field are the MTA's; what else there is of CR and LF was the sender's. */
static void look_at_lines(struct format_fields *fields, const char *name, const char *value)
{
	size_t before = strlen(name) + 1;

	for (;;) {
		const size_t octets = strcspn(value, "\n");
		const bool after_cr = octets > 0 && value[octets - 1] == '\r';
		const size_t own = octets - (after_cr && value[octets] == '\n');
		fields->bare_cr |= memchr(value, '\r', own) != NULL;
		look_at_line(fields, name, before + own);
		value += octets;
		if (*value == '\0' || *++value == '\0')
			return;
		fields->bare_lf |= *value != ' ' && *value != '\t';
		before = 0;
	}
}

/* ASCII, or with SMTPUTF8 well-formed UTF-8 (RFC 6532 3.2). */
static void look_at_octets(struct format_fields *fields, const char *name, const char *value)
{
	const char *end = value + strlen(value);

	for (const char *at = value; at < end; at++) {
		if (((unsigned char)*at & 0x80) == 0)
			continue;
		const size_t octets = utf8_octets(at, end);
		if (octets == 0 || !fields->smtputf8) {
			note(fields, &fields->eight_bit, name, octets == 0 ? "not UTF-8" : "");
			return;
		}
		at += octets - 1;
	}
}

void format_fields_open(struct format_fields *fields, bool smtputf8, struct arena *arena)
{
	*fields = (struct format_fields){ .arena = arena, .smtputf8 = smtputf8 };
}

void format_fields_add(struct format_fields *fields, const char *name, const char *value)
{
	size_t octets = strlen(name);

	while (octets > 0 && is_space(name[octets - 1])) /* obsolete, but no other name (RFC 5322 4.5) */
		octets--;
	const enum format_field field = octets > 0 ? find_field(name, octets) : FIELDS;
	look_at_lines(fields, name, value);
	look_at_octets(fields, name, value);
	if (field == FIELDS)
		return;
	if (fields->counts[field]++ == 0 && known[field].take != NULL)
		known[field].take(fields, value);
	if (known[field].readable && fields->encoded_word.field == NULL) {
		const char *fault = encoded_word_fault(value, strlen(value));
		if (fault != NULL)
			note(fields, &fields->encoded_word, name, fault);
	}
}

bool format_fields_duplicates(const struct format_fields *fields, char *text, size_t size)
{
	struct strbuf buf;

	strbuf_open(&buf, text, size);
	for (size_t i = 0; i < FIELDS_ONCE; i++) {
		if (fields->counts[i] > 1)
			strbuf_addf(&buf, "%s%s", buf.length > 0 ? ", " : "", known[i].name);
	}
	return buf.length > 0;
}
