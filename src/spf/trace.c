/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

void spf_trace_open(struct spf_trace *trace)
{
	*trace = (struct spf_trace){ .first = NULL };
	trace->end = &trace->first;
}

struct spf_trace_entry *spf_trace_add(struct spf_pass *pass, enum spf_step_kind kind, unsigned depth, const char *text)
{
	struct spf_trace_entry *entry = &pass->trace.unkept;

	if (pass->trace.count < SPF_STEPS_MAX) {
		entry = arena_alloc(pass->arena, sizeof(*entry));
		*pass->trace.end = entry;
		pass->trace.end = &entry->next;
		pass->trace.count++;
	}
	entry->kind = kind;
	entry->depth = depth;
	entry->text = text;
	spf_trace_answered(pass, entry, NULL);
	return entry;
}

void spf_trace_answered(struct spf_pass *pass, struct spf_trace_entry *entry, struct spf_question *question)
{
	entry->question = question;
	entry->terms = pass->terms;
	entry->voids = pass->voids;
	entry->queries = pass->queries;
}

static const char *clean(struct arena *arena, const char *prefix, const char *text)
{
	char shown[SPF_TEXT_OCTETS_MAX + 8];
	struct strbuf buf;

	strbuf_open(&buf, shown, sizeof(shown));
	strbuf_add(&buf, prefix);
	strbuf_add_clean(&buf, text, NULL, SPF_TEXT_OCTETS_MAX);
	return arena_strdup(arena, shown);
}

static void add_record(struct strbuf *buf, enum dns_type type, const struct dns_record *record)
{
	char ip[IP_TEXT_MAX];

	if (buf->length > 0)
		strbuf_add(buf, " ");
	if (type == DNS_MX)
		strbuf_addf(buf, "%u ", record->preference);
	if (type == DNS_A || type == DNS_AAAA)
		strbuf_add(buf, ip_format(&record->ip, ip));
	else if (type == DNS_TXT)
		strbuf_add(buf, (const char *)record->data);
	else if (record->name != NULL)
		strbuf_add(buf, record->name);
}

/* A record is a step of its own: it is not repeated as the answer of the term that led to it. */
static const char *answer_text(struct arena *arena, const struct spf_trace_entry *entry)
{
	char memory[2 * SPF_TEXT_OCTETS_MAX];
	const struct dns_answer *answer = entry->question->answer;
	struct strbuf buf;

	if (entry->question->type == DNS_TXT && entry->kind != SPF_STEP_EXP)
		return "";
	strbuf_open(&buf, memory, sizeof(memory));
	for (size_t i = 0; i < answer->n_records && !buf.truncated; i++)
		add_record(&buf, entry->question->type, &answer->records[i]);
	return clean(arena, "", memory);
}

static struct spf_step *publish(const struct spf_pass *pass, const struct spf_trace_entry *entry)
{
	struct arena *arena = pass->spf->arena;
	struct spf_step *step = arena_alloc(arena, sizeof(*step));

	*step = (struct spf_step){ .kind = entry->kind,
		                   .depth = entry->depth,
		                   .text = clean(arena, entry->kind == SPF_STEP_EXP ? "exp=" : "", entry->text),
		                   .name = "",
		                   .answer = "",
		                   .outcome = entry->outcome,
		                   .terms = entry->terms,
		                   .voids = entry->voids,
		                   .queries = entry->queries };
	if (entry->question != NULL) {
		step->name = clean(arena, "", entry->question->name);
		step->type = entry->question->type;
		step->status = entry->question->answer->status;
		step->why = entry->question->answer->why;
		step->answer = answer_text(arena, entry);
	}
	return step;
}

const struct spf_step *spf_trace_publish(const struct spf_pass *pass)
{
	const struct spf_step *first = NULL;
	const struct spf_step **end = &first;

	for (const struct spf_trace_entry *entry = pass->trace.first; entry != NULL; entry = entry->next) {
		struct spf_step *step = publish(pass, entry);
		*end = step;
		end = (const struct spf_step **)&step->next;
	}
	return first;
}
