/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <string.h>

/* The one TXT record that an explanation may have (RFC 7208 6.2); NULL: there is none, several, or it is no ASCII. */
static const char *text_of(const struct dns_answer *answer)
{
	const struct dns_record *record = answer->records;
	char memory[SPF_PROBLEM_OCTETS_MAX];
	struct strbuf problem;

	if (answer->status != DNS_FOUND || answer->n_records != 1)
		return NULL;
	for (size_t i = 0; i < record->octets; i++)
		if (record->data[i] == 0 || record->data[i] > 0x7e)
			return NULL;
	strbuf_open(&problem, memory, sizeof(memory));
	return spf_macro_check((const char *)record->data, record->octets, false, &problem) == 0
	               ? (const char *)record->data
	               : NULL;
}

/* A local-part may have brought what is not ASCII (RFC 6531); the explanation stays ASCII. */
static void keep_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 0x7e)
			*text = '?';
}

const char *spf_explain(struct spf_pass *pass, const struct spf_frame *frame)
{
	char name[DNS_NAME_TEXT_MAX];
	char memory[SPF_EXPLANATION_OCTETS_MAX + 1];
	struct spf_trace_entry *entry;
	struct spf_question *question;
	const char *text;
	struct strbuf result;

	pass->explaining = true;
	if (frame->record->exp == NULL ||
	    spf_expand(&pass->view, frame->record->exp, frame->domain, name) != SPF_EXPANDED)
		return "";
	question = spf_need(&pass->view, name, DNS_TXT, SPF_FOR_DETAIL);
	if (question == NULL)
		return "";
	entry = spf_trace_add(pass, SPF_STEP_EXP, frame->depth, frame->record->exp);
	spf_trace_answered(pass, entry, question);
	text = text_of(question->answer);
	strbuf_open(&result, memory, sizeof(memory));
	if (text == NULL || spf_expand_text(&pass->view, text, frame->domain, &result) != SPF_EXPANDED) {
		entry->outcome = SPF_ERROR;
		return "";
	}
	keep_ascii(memory);
	return arena_strdup(pass->spf->arena, memory);
}
