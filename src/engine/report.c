/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - what was found and decided, as the log line and as the list of tests.
 */
#include <string.h>

#include "engine/engine_internal.h"

#define LOG_HELO_MAX    128
#define LOG_ADDRESS_MAX 160
#define LOG_HOST_MAX    128
#define GROUPS_TEXT_MAX 2048

/* The facts that a report speaks of: those stated so far, the recipients' own, and the rules that hold. */
static void report_facts(const struct engine_session *session, struct factset *set)
{
	*set = (struct factset){ { 0 } };
	evidence_facts(engine_evidence(session), set);
	for (const struct recipient *recipient = session->recipients; recipient; recipient = recipient->next)
		for (const struct evidence_item *item = recipient->facts; item; item = item->next)
			factset_add(set, item->id);
	policy_add_rules(session->engine->policy, set);
}

static const char *detail_of(const struct engine_session *session, fact_id id)
{
	const struct evidence_item *item = evidence_find(engine_evidence(session), id);

	for (const struct recipient *recipient = session->recipients; !item && recipient; recipient = recipient->next)
		for (item = recipient->facts; item && item->id != id;)
			item = item->next;
	return item ? item->detail : "";
}

static void add_detail(struct strbuf *line, const char *detail)
{
	if (*detail)
		strbuf_addf(line, "(%s)", detail);
}

/* What counts of a fact's points: nothing where a rule cancels them. */
static int points_of(const struct fact_info *info, fact_id id, const struct factset *cancelled)
{
	return factset_has(cancelled, id) ? 0 : info->points_milli;
}

/* facts="rdns.none=3.0 dnsbl.zen.xbl=4.0(127.0.0.4)" */
static void add_facts(struct strbuf *line, const struct engine_session *session, const struct factset *set)
{
	const struct catalogue *catalogue = session->engine->catalogue;
	const char *between = "";
	struct factset cancelled;

	policy_cancelled(session->engine->policy, set, &cancelled);
	strbuf_add(line, " facts=\"");
	for (fact_id id = factset_next(set, 0); id != FACT_NO_ID; id = factset_next(set, id + 1u)) {
		const struct fact_info *info = catalogue_info(catalogue, id);
		if (info->kind == FACT_NORMAL ||
		    ((info->kind == FACT_UNSURE || info->kind == FACT_QUIET) && !info->points_milli))
			continue;
		strbuf_addf(line, "%s%s", between, info->name);
		if (info->kind != FACT_EXEMPT) {
			strbuf_add(line, "=");
			strbuf_add_points(line, points_of(info, id, &cancelled));
		}
		add_detail(line, detail_of(session, id));
		between = " ";
	}
	strbuf_add(line, "\"");
}

/*
 * unsure="rdns(timeout) dnsbl.zen(servfail)": what the world did not tell; the key is absent when there is nothing to
 * say.
 */
static void add_unsure(struct strbuf *line, const struct engine_session *session, const struct factset *set)
{
	const struct catalogue *catalogue = session->engine->catalogue;
	const char *between = " unsure=\"";
	bool any = false;

	for (fact_id id = factset_next(set, 0); id != FACT_NO_ID; id = factset_next(set, id + 1u)) {
		const struct fact_info *info = catalogue_info(catalogue, id);
		if (info->kind != FACT_UNSURE)
			continue;
		const char *end = strrchr(info->name, '.');
		strbuf_addf(line, "%s%.*s", between, (int)(end - info->name), info->name);
		add_detail(line, detail_of(session, id));
		between = " ";
		any = true;
	}
	if (any)
		strbuf_add(line, "\"");
}

/* cancelled="spf.fail=5.0": the points that a rule has taken out; absent when there are none. */
static void add_cancelled(struct strbuf *line, const struct engine_session *session, const struct factset *set)
{
	const struct catalogue *catalogue = session->engine->catalogue;
	const char *between = " cancelled=\"";
	struct factset cancelled;
	bool any = false;

	policy_cancelled(session->engine->policy, set, &cancelled);
	for (fact_id id = factset_next(&cancelled, 0); id != FACT_NO_ID; id = factset_next(&cancelled, id + 1u)) {
		strbuf_addf(line, "%s%s=", between, catalogue_info(catalogue, id)->name);
		strbuf_add_points(line, catalogue_info(catalogue, id)->points_milli);
		between = " ";
		any = true;
	}
	if (any)
		strbuf_add(line, "\"");
}

void engine_groups(struct strbuf *text, const struct engine_session *session)
{
	const struct policy *policy = session->engine->policy;
	const char *between = "";
	struct factset set;

	report_facts(session, &set);
	for (size_t i = 0; i < policy_n_groups(policy); i++) {
		struct group_score group;
		policy_group_score(policy, i, &set, &group);
		if (group.sum_milli == group.score_milli)
			continue;
		strbuf_addf(text, "%s%s=", between, group.name);
		strbuf_add_points(text, group.score_milli);
		strbuf_addf(text, "(%s from ", group.sum_milli > group.score_milli ? "capped" : "raised");
		strbuf_add_points(text, group.sum_milli);
		strbuf_add(text, ")");
		between = " ";
	}
}

/* groups="identity=5.0(capped from 8.5)"; absent when the points of all simply add up. */
static void add_groups(struct strbuf *line, const struct engine_session *session)
{
	char memory[GROUPS_TEXT_MAX];
	struct strbuf text;

	strbuf_open(&text, memory, sizeof(memory));
	engine_groups(&text, session);
	if (text.length)
		strbuf_addf(line, " groups=\"%s\"", memory);
}

/* client=host.example[192.0.2.1]: the name is the MTA's verified one, or unknown. */
static void add_client(struct strbuf *line, const struct subject *subject)
{
	char ip[IP_TEXT_MAX];
	char memory[LOG_HOST_MAX + IP_TEXT_MAX + 8];
	struct strbuf text;

	strbuf_open(&text, memory, sizeof(memory));
	strbuf_addf(&text, "%.*s[%s]", LOG_HOST_MAX, subject->client_name ? subject->client_name : "unknown",
	            subject->client_ip.family ? ip_format(&subject->client_ip, ip) : "local");
	strbuf_add(line, " client=");
	strbuf_add_quoted(line, memory, sizeof(memory) * 4);
}

static void add_bracketed(struct strbuf *line, const char *key, const char *text, size_t max)
{
	char memory[ADDRESS_OCTETS_MAX + 3];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	strbuf_addf(&value, "<%.*s>", (int)max, text ? text : "");
	strbuf_addf(line, " %s=", key);
	strbuf_add_quoted(line, memory, max * 4 + 8);
}

static void add_threshold(struct strbuf *line, int threshold_milli)
{
	strbuf_add(line, " threshold=");
	if (threshold_milli == CONFIG_OFF)
		strbuf_add(line, "none");
	else
		strbuf_add_points(line, threshold_milli);
}

static void add_envelope(struct strbuf *line, const struct engine_session *session)
{
	const struct subject *subject = &session->subject;
	const char *to = subject->rcpt.text;

	add_client(line, subject);
	add_bracketed(line, "helo", subject->helo, LOG_HELO_MAX);
	if (session->in_message)
		add_bracketed(line, "from", subject->mail_from.text, LOG_ADDRESS_MAX);
	if (!to && session->recipients)
		to = session->recipients->address;
	if (to)
		add_bracketed(line, "to", to, LOG_ADDRESS_MAX);
	if (!subject->rcpt.text && session->n_recipients > 1)
		strbuf_addf(line, " nrcpt=%u", session->n_recipients);
	if (subject->auth_user)
		add_bracketed(line, "auth", subject->auth_user, LOG_ADDRESS_MAX);
}

void engine_log_line(struct strbuf *line, const struct engine_session *session, const struct decision *decision)
{
	const struct subject *subject = &session->subject;
	struct factset set;

	report_facts(session, &set);
	if (subject->queue_id)
		strbuf_add_clean(line, subject->queue_id, " :\"=", 64);
	else
		strbuf_add(line, "NOQUEUE");
	strbuf_addf(line, ": sid=%s v=1 action=%s", subject->sid, action_name(decision->action));
	if (decision->action != decision->verdict.action)
		strbuf_addf(line, " would=%s", action_name(decision->verdict.action));
	strbuf_addf(line, " stage=%s score=", stage_name(decision->stage));
	strbuf_add_points(line, decision->verdict.score_milli);
	add_threshold(line, decision->verdict.threshold_milli);
	strbuf_addf(line, " decided_by=%s", decision->decided_by);
	add_envelope(line, session);
	add_facts(line, session, &set);
	add_unsure(line, session, &set);
	add_cancelled(line, session, &set);
	add_groups(line, session);
	strbuf_addf(line, " ms=%lld cfg=%04x", (long long)(session->busy_us / 1000), session->engine->digest);
}

void engine_tests(struct strbuf *text, const struct engine_session *session)
{
	const struct catalogue *catalogue = session->engine->catalogue;
	struct factset set, cancelled;
	const char *between = "";

	report_facts(session, &set);
	policy_cancelled(session->engine->policy, &set, &cancelled);
	for (fact_id id = factset_next(&set, 0); id != FACT_NO_ID; id = factset_next(&set, id + 1u)) {
		const struct fact_info *info = catalogue_info(catalogue, id);
		if (!info->points_milli && info->kind != FACT_EXEMPT)
			continue;
		strbuf_addf(text, "%s%s", between, info->name);
		if (info->kind != FACT_EXEMPT) {
			strbuf_add(text, "=");
			strbuf_add_points(text, points_of(info, id, &cancelled));
		}
		between = ",";
	}
	if (!*between)
		strbuf_add(text, "none");
}
