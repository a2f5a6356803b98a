/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/strbuf.h"

#define CLASS_ANY     "7.1"
#define CLASS_SEVERAL "7.26"
#define CLASS_ADDRESS "1."

/* Mechanisms by which a domain authenticates a message. */
enum mechanism { NO_MECHANISM, BY_SPF, BY_DKIM, BY_DMARC };
#define MECHANISMS 4

/*
 * The enhanced code's class by the weightiest fact, or by the check that found it (RFC 7372): the first row that fits;
 * CLASS_ANY for what is not here. `failed`: the fact is a failure of this mechanism.
 */
static const struct class
{
	const char *name; /* of a fact or of a check */
	const char *class;
	enum mechanism failed;
} classes[] = {
	{ "rdns", "7.25", NO_MECHANISM },
	{ "greeting", "7.25", NO_MECHANISM },
	{ "sender.unknown", "1.8", NO_MECHANISM },
	{ "sender.no_mail", "1.8", NO_MECHANISM },
	{ "sender.nowhere", "1.8", NO_MECHANISM },
	{ "sender.private", "1.8", NO_MECHANISM },
	{ "sender.mx_literal", "1.8", NO_MECHANISM },
	{ "sender.unsure", "1.8", NO_MECHANISM },
	{ "sender.unqualified", "1.7", NO_MECHANISM },
	{ "sender.literal", "1.7", NO_MECHANISM },
	{ "sender.null_mx", "7.27", NO_MECHANISM },
	{ "recipient.many", "5.3", NO_MECHANISM },
	{ "recipient.null_sender", "5.3", NO_MECHANISM },
	{ "format", "6.0", NO_MECHANISM },
	{ "spf.fail", "7.23", BY_SPF },
	{ "spf.softfail", "7.23", BY_SPF },
	{ "spf.helo_fail", "7.23", BY_SPF },
	{ "spf.helo_softfail", "7.23", BY_SPF },
	{ "spf.permerror", "7.24", BY_SPF },
	{ "spf.temperror", "7.24", BY_SPF },
	{ "spf.helo_permerror", "7.24", BY_SPF },
	{ "spf.helo_temperror", "7.24", BY_SPF },
	{ "dkim.pass", "7.22", BY_DKIM },
	{ "dkim.weak_key", "7.21", BY_DKIM },
	{ "dkim.sha1", "7.21", BY_DKIM },
	{ "dkim.partial", "7.21", BY_DKIM },
	{ "dkim.policy", "7.21", BY_DKIM },
	{ "dkim", "7.20", BY_DKIM },
	{ "dmarc.fail_none", CLASS_ANY, BY_DMARC },
	{ "dmarc.fail_quarantine", CLASS_ANY, BY_DMARC },
	{ "dmarc.fail_reject", CLASS_ANY, BY_DMARC },
	{ "dmarc.fail_forwarded", CLASS_ANY, BY_DMARC },
};

static const struct class unclassed = { "", CLASS_ANY, NO_MECHANISM };

static const struct wording {
	const char *code, *code_address; /* where it is the sender's address that is wrong, or not known yet */
	char digit;                      /* of the enhanced code */
	const char *with_reasons, *without;
} refused = { "550", "550", '5', "Message refused: ", "Message refused by local policy" },
  deferred = { "451", "450", '4',
	       "Message deferred, try again later: ", "Message deferred by local policy, try again later" };

#define END_OCTETS_MAX    (64 + SUBJECT_SID_SIZE) /* " [score ... of ..., id SID]" */
#define QUOTED_DOMAIN_MAX 80
#define EXPLAINS          " explains: "

/* The longest beginning, the reasons with their separators, and the end with room to spare. */
_Static_assert(40 + REPLY_REASONS_MAX * (REPLY_REASON_MAX + 2) + END_OCTETS_MAX < REPLY_TEXT_MAX,
               "the end always has room");

static const struct class *class_of(const struct fact_info *fact)
{
	for (size_t i = 0; i < COUNT(classes); i++) {
		if (strcmp(classes[i].name, fact->name) == 0 || strcmp(classes[i].name, fact->check) == 0)
			return &classes[i];
	}
	return &unclassed;
}

static bool weighs(const struct fact_info *fact)
{
	return fact->points_milli > 0 && fact->kind != FACT_NORMAL && fact->kind != FACT_EXEMPT;
}

struct reasons {
	const struct fact_info *facts[REPLY_REASONS_MAX]; /* the weightiest first */
	size_t n;
	bool failed[MECHANISMS]; /* by any fact that weighs, named or not */
};

static void reasons_add(struct reasons *reasons, const struct fact_info *fact)
{
	size_t at = reasons->n;

	while (at > 0 && reasons->facts[at - 1]->points_milli < fact->points_milli)
		at--;
	if (at == REPLY_REASONS_MAX)
		return;
	if (reasons->n < REPLY_REASONS_MAX)
		reasons->n++;
	memmove(&reasons->facts[at + 1], &reasons->facts[at], (reasons->n - 1 - at) * sizeof(reasons->facts[0]));
	reasons->facts[at] = fact;
}

static void find_reasons(struct reasons *reasons, const struct evidence *evidence, const struct policy *policy,
                         const struct catalogue *catalogue)
{
	struct factset stated = { { 0 } }, cancelled;

	evidence_facts(evidence, &stated);
	policy_add_rules(policy, &stated);
	policy_cancelled(policy, &stated, &cancelled);
	*reasons = (struct reasons){ .n = 0 };
	for (fact_id id = 0; id < catalogue_count(catalogue); id++) {
		const struct fact_info *fact = catalogue_info(catalogue, id);
		if (!factset_has(&stated, id) || factset_has(&cancelled, id) || !weighs(fact))
			continue;
		reasons_add(reasons, fact);
		reasons->failed[class_of(fact)->failed] = true;
	}
}

/* Where several mechanisms have failed, and one of them weighs most, it is not only that one (RFC 7372 3.3). */
static const char *enhanced_class(const struct reasons *reasons)
{
	const struct class *class = reasons->n > 0 ? class_of(reasons->facts[0]) : &unclassed;
	int failed = 0;

	for (int mechanism = NO_MECHANISM + 1; mechanism < MECHANISMS; mechanism++)
		failed += reasons->failed[mechanism];
	return class->failed != NO_MECHANISM && failed > 1 ? CLASS_SEVERAL : class->class;
}

static void add_reasons(struct strbuf *text, const struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->n; i++) {
		strbuf_add(text, i > 0 ? "; " : "");
		strbuf_add_clean(text, reasons->facts[i]->text, NULL, REPLY_REASON_MAX);
	}
}

static bool is_named(const struct reasons *reasons, const char *fact)
{
	for (size_t i = 0; i < reasons->n; i++) {
		if (strcmp(reasons->facts[i]->name, fact) == 0)
			return true;
	}
	return false;
}

/* In the room that the reasons leave. */
static void add_quote(struct strbuf *text, const struct reasons *reasons, const struct reply_quote *quote)
{
	const size_t around = strlen("; " EXPLAINS "\"\"") + QUOTED_DOMAIN_MAX;
	const size_t room = text->size - 1 - text->length - END_OCTETS_MAX;

	if (quote == NULL || quote->text[0] == '\0' || !is_named(reasons, quote->fact) ||
	    room < around + REPLY_QUOTE_MIN)
		return;
	strbuf_add(text, "; ");
	strbuf_add_clean(text, quote->domain, "\"", QUOTED_DOMAIN_MAX);
	strbuf_add(text, EXPLAINS "\"");
	strbuf_add_clean(text, quote->text, "\"", room - around);
	strbuf_add(text, "\"");
}

static void add_score(struct strbuf *text, const struct verdict *verdict)
{
	strbuf_add(text, "score ");
	strbuf_add_points(text, verdict->score_milli);
	if (verdict->threshold_milli != CONFIG_OFF) {
		strbuf_add(text, " of ");
		strbuf_add_points(text, verdict->threshold_milli);
	}
}

void reply_make(struct reply *reply, const struct verdict *verdict, const struct evidence *evidence,
                const struct policy *policy, const struct catalogue *catalogue, const struct subject *subject,
                const struct reply_quote *quote)
{
	const struct wording *wording = verdict->action == ACTION_REJECT ? &refused : &deferred;
	struct reasons reasons;
	struct strbuf text;
	const char *class;

	find_reasons(&reasons, evidence, policy, catalogue);
	class = enhanced_class(&reasons);
	snprintf(reply->code, sizeof(reply->code), "%s",
	         strncmp(class, CLASS_ADDRESS, strlen(CLASS_ADDRESS)) == 0 ? wording->code_address : wording->code);
	snprintf(reply->enhanced, sizeof(reply->enhanced), "%c.%s", wording->digit, class);
	strbuf_open(&text, reply->text, sizeof(reply->text));
	strbuf_add(&text, reasons.n > 0 ? wording->with_reasons : wording->without);
	add_reasons(&text, &reasons);
	add_quote(&text, &reasons, quote);
	strbuf_add(&text, " [");
	add_score(&text, verdict);
	if (subject->sid[0] != '\0') {
		strbuf_add(&text, ", id ");
		strbuf_add_clean(&text, subject->sid, NULL, SUBJECT_SID_SIZE);
	}
	strbuf_add(&text, "]");
}
