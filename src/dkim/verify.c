/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "dkim/verify_internal.h"
#include "mail/tags.h"

struct dkim *dkim_open(struct dkim_service *service, const struct dns_asker *asker, uint64_t now_s, struct arena *arena)
{
	struct dkim *dkim = arena_alloc(arena, sizeof(*dkim));

	dkim->service = service;
	dkim->asker = *asker;
	dkim->now_s = now_s;
	dkim->arena = arena;
	dkim->end = &dkim->first;
	return dkim;
}

void dkim_set_smtputf8(struct dkim *dkim)
{
	dkim->smtputf8 = true;
}

void dkim_keep_canonical(struct dkim *dkim)
{
	dkim->keep_canonical = true;
}

/* ---- fields ---- */

static size_t count_bare_lf(const char *value)
{
	size_t n = 0;

	for (const char *lf = strchr(value, '\n'); lf != NULL; lf = strchr(lf + 1, '\n'))
		n += lf == value || lf[-1] != '\r';
	return n;
}

static void copy_value(char *at, const char *value)
{
	for (const char *from = value; *from != '\0'; from++) {
		if (*from == '\n' && (from == value || from[-1] != '\r'))
			*at++ = '\r';
		*at++ = *from;
	}
}

static size_t trimmed(const char *name, size_t octets)
{
	while (octets > 0 && (name[octets - 1] == ' ' || name[octets - 1] == '\t'))
		octets--;
	return octets;
}

/* NULL: there is no room for it. */
static const struct dkim_field *keep_field(struct dkim *dkim, const char *name, const char *value)
{
	size_t name_octets = strlen(name), octets = name_octets + 1 + strlen(value) + count_bare_lf(value);
	struct kept_field *kept;
	char *text;

	if (dkim->too_large || octets > DKIM_HEADER_OCTETS_MAX - dkim->header_octets ||
	    dkim->n_fields == DKIM_HEADER_FIELDS_MAX || arena_full(dkim->arena)) {
		dkim->too_large = true;
		return NULL;
	}
	kept = arena_alloc(dkim->arena, sizeof(*kept));
	text = arena_alloc(dkim->arena, octets + 1);
	memcpy(text, name, name_octets);
	text[name_octets] = ':';
	copy_value(text + name_octets + 1, value);
	kept->field = (struct dkim_field){
		.text = text, .octets = octets, .name_octets = trimmed(name, name_octets), .value_at = name_octets + 1
	};
	*dkim->end = kept;
	dkim->end = &kept->next;
	dkim->header_octets += octets;
	dkim->n_fields++;
	return &kept->field;
}

/* ---- signatures ---- */

static bool is_ascii(const char *text, size_t octets)
{
	for (size_t i = 0; i < octets; i++) {
		if ((unsigned char)text[i] > 0x7f)
			return false;
	}
	return true;
}

/* RFC 8616 4: U-labels are for internationalised messages only. */
static bool has_u_labels(const char *value, size_t octets)
{
	static const char *const names[] = { "d", "s" };
	char ignored[1];
	struct strbuf problem;
	struct tag_list tags;

	if (is_ascii(value, octets))
		return false;
	strbuf_open(&problem, ignored, sizeof(ignored));
	if (tags_parse(&tags, value, octets, true, &problem) != 0)
		return false;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct tag *tag = tags_find(&tags, names[i]);
		if (tag != NULL && !is_ascii(tag->value, tag->value_octets))
			return true;
	}
	return false;
}

static void fill_result(struct entry *entry)
{
	const struct dkim_signature *signature = &entry->signature;

	entry->result.domain = signature->domain;
	entry->result.selector = signature->selector;
	entry->result.identity = signature->identity != NULL ? signature->identity : "";
	memcpy(entry->result.b, signature->b, sizeof(entry->result.b));
}

static void check_signature(struct dkim *dkim, struct entry *entry)
{
	if (dkim->n_checked == DKIM_VERIFIED_MAX) {
		entry->result.traits |= DKIM_TRAIT_NOT_CHECKED;
		dkim_entry_end(entry, DKIM_POLICY, "there are too many signatures; this one was not checked");
		return;
	}
	dkim->n_checked++;
	entry->checked = true;
	entry->field = dkim->n_fields - 1;
	dkim_judge_early(dkim, entry);
	if (!entry->final)
		entry->slot = dkim_slot_find(dkim, &entry->signature);
}

static void read_signature(struct dkim *dkim, struct entry *entry, const struct dkim_field *field)
{
	char memory[DKIM_REASON_OCTETS_MAX];
	const char *value = field->text + field->value_at;
	size_t octets = field->octets - field->value_at;
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	if (dkim_signature_parse(&entry->signature, value, octets, dkim->arena, &problem) != 0) {
		dkim_entry_end(entry, DKIM_PERMERROR, arena_strdup(dkim->arena, memory));
		fill_result(entry);
		return;
	}
	fill_result(entry);
	if (!dkim->smtputf8 && has_u_labels(value, octets))
		dkim_entry_end(entry, DKIM_PERMERROR, "d= or s= has U-labels, the message is none with SMTPUTF8");
	else
		check_signature(dkim, entry);
}

static void add_signature(struct dkim *dkim, const struct dkim_field *field)
{
	struct entry *entry;

	if (dkim->n_found++ >= DKIM_RESULTS_MAX)
		return;
	entry = arena_alloc(dkim->arena, sizeof(*entry));
	dkim->entries[dkim->n_entries++] = entry;
	entry->result = (struct dkim_result){ .index = (unsigned)dkim->n_entries - 1,
		                              .reason = "",
		                              .domain = "",
		                              .selector = "",
		                              .identity = "",
		                              .algorithm = "" };
	if (field == NULL)
		dkim_entry_end(entry, DKIM_PERMERROR, "the header is too large");
	else if (field->octets > DKIM_SIGNATURE_OCTETS_MAX)
		dkim_entry_end(entry, DKIM_PERMERROR, "the signature is too long");
	else
		read_signature(dkim, entry, field);
}

static bool is_name(const char *name, const char *wanted)
{
	size_t octets = trimmed(name, strlen(name));

	return octets == strlen(wanted) && strncasecmp(name, wanted, octets) == 0;
}

void dkim_add_field(struct dkim *dkim, const char *name, const char *value)
{
	const struct dkim_field *field = keep_field(dkim, name, value);

	if (is_name(name, "from"))
		dkim->n_from++;
	else if (is_name(name, "dkim-signature"))
		add_signature(dkim, field);
}

/* ---- the message ---- */

void dkim_headers_end(struct dkim *dkim)
{
	dkim->headers_ended = true;
	for (size_t i = 0; i < dkim->n_entries; i++) {
		struct entry *entry = dkim->entries[i];
		if (!entry->final && dkim->too_large)
			dkim_entry_end(entry, DKIM_PERMERROR, "the header is too large");
		if (entry->final)
			continue;
		if (dkim->body == NULL)
			dkim->body = dkim_body_open(dkim->arena);
		entry->body_want = dkim_body_want(dkim->body, entry->signature.body_canon,
		                                  entry->signature.algorithm == DKIM_RSA_SHA1,
		                                  entry->signature.has_length, entry->signature.length);
	}
}

bool dkim_wants_body(const struct dkim *dkim)
{
	return dkim->body != NULL;
}

void dkim_add_body(struct dkim *dkim, const uint8_t *octets, size_t length)
{
	if (dkim->body != NULL)
		dkim_body_add(dkim->body, octets, length);
}

void dkim_body_end(struct dkim *dkim)
{
	dkim->body_ended = true;
	if (dkim->body != NULL)
		dkim_body_finish(dkim->body);
	if (dkim->keep_canonical && dkim->n_checked > 0 && !dkim->too_large)
		dkim_hash_headers(dkim);
}

bool dkim_step(struct dkim *dkim)
{
	bool all = dkim->headers_ended;

	dkim_slots_step(dkim);
	for (size_t i = 0; i < dkim->n_entries; i++) {
		struct entry *entry = dkim->entries[i];
		if (!entry->final && dkim->body_ended)
			dkim_judge(dkim, entry);
		all = all && entry->final;
	}
	return all;
}

void dkim_stop(struct dkim *dkim)
{
	dkim_slots_stop(dkim);
	dkim_step(dkim);
}

const struct dkim_results *dkim_get_results(const struct dkim *dkim)
{
	struct dkim_results *found = arena_alloc(dkim->arena, sizeof(*found));
	struct dkim_result *results = arena_alloc(dkim->arena, dkim->n_entries * sizeof(*results));

	for (size_t i = 0; i < dkim->n_entries; i++)
		results[i] = dkim->entries[i]->result;
	*found = (struct dkim_results){ .results = results, .n = dkim->n_entries, .n_found = dkim->n_found };
	return found;
}

const char *dkim_canonical_headers(const struct dkim *dkim, unsigned index)
{
	const struct entry *entry = index < dkim->n_entries ? dkim->entries[index] : NULL;

	return entry != NULL && entry->hash != NULL ? entry->hash->canonical : NULL;
}
