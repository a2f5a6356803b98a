/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide - when a verdict is due, how long to wait for it, and what it means for the recipients of a message.
 */
#include "engine/engine_internal.h"

static const char *decided_by_text(const struct engine *engine, const struct verdict *verdict)
{
	return verdict->decided_by == FACT_NO_ID ? "score"
	                                         : catalogue_info(engine->catalogue, verdict->decided_by)->name;
}

/* No verdict yet: what most calls return, without costing the session a byte. */
static const struct decision undecided = { .decided_by = "score" };

static void answer_make(struct reply *reply, const struct engine_session *session, const struct verdict *verdict)
{
	const struct engine *engine = session->engine;
	const struct spf_result *explained = session->findings.explained;
	struct reply_quote quote = { .fact = "spf.fail" };

	if (explained) {
		quote.domain = explained->domain;
		quote.text = explained->explanation;
	}
	reply_make(reply, verdict, engine_evidence(session), engine->policy, engine->catalogue, &session->subject,
	           explained ? &quote : NULL);
}

/* A verdict: what follows from it is worked out, and it is kept until the next call. */
static const struct decision *decision_keep(struct engine_session *session, const struct verdict *verdict,
                                            const char *decided_by)
{
	const struct engine *engine = session->engine;
	struct decision *decision = arena_alloc(&session->scopes[SCOPE_RECIPIENT].arena, sizeof(*decision));

	decision->final = true;
	decision->stage = session->stage;
	decision->verdict = *verdict;
	decision->decided_by = decided_by ? decided_by : decided_by_text(engine, verdict);
	decision->action = engine_monitors(engine) ? ACTION_ACCEPT : verdict->action;
	if (verdict->action >= ACTION_DEFER)
		answer_make(&decision->reply, session, verdict);
	return decision;
}

static void add_recipient_facts(struct factset *set, const struct recipient *recipient)
{
	for (const struct evidence_item *item = recipient->facts; item; item = item->next)
		factset_add(set, item->id);
}

static void stated_now(const struct engine_session *session, struct factset *stated)
{
	*stated = (struct factset){ { 0 } };
	evidence_facts(engine_evidence(session), stated);
}

/* What is still possible with what is open now, the stages to come left out. */
static void bounds_now(const struct engine_session *session, const struct factset *stated, struct bounds *bounds)
{
	struct factset open = { { 0 } };

	runs_may_state_now(session, &open);
	policy_bounds(session->engine->policy, stated, &open, bounds);
}

/*
 * Before the end of the message: is it certain that it will be refused, and does nothing that is open now decide
 * whether for good? (A later stage may turn a deferral into a refusal for good: the sender comes back with it.)
 */
static bool refusal_final(struct engine_session *session, const struct factset *stated)
{
	struct factset open = { { 0 } };
	struct bounds bounds;

	runs_may_state(session, &open);
	policy_bounds(session->engine->policy, stated, &open, &bounds);
	if (bounds.mildest < ACTION_DEFER || bounds.final)
		return bounds.final && bounds.mildest >= ACTION_DEFER;
	bounds_now(session, stated, &bounds);
	return bounds.final;
}

/*
 * Could a refusal become final here by what is open now? What is still to come may only keep it from being final, so
 * that it is left out; and where the answer is no, waiting would be in vain.
 */
static bool refusal_possible(const struct engine_session *session, const struct factset *stated)
{
	struct bounds bounds;

	bounds_now(session, stated, &bounds);
	return bounds.severest >= ACTION_DEFER;
}

/* Is there a recipient of whom nothing is stated alone, so that the verdict on the message is its own? */
static bool message_counts(const struct engine_session *session)
{
	if (session->n_recipients > ENGINE_RECIPIENTS_MAX || !session->recipients)
		return true;
	for (const struct recipient *recipient = session->recipients; recipient; recipient = recipient->next)
		if (!recipient->facts)
			return true;
	return false;
}

/*
 * At the end of the message: can nothing that is open change the action any more? That must hold for each of the
 * recipients: what is stated about one alone may leave its verdict open where the others' is not.
 */
static bool action_final(struct engine_session *session, const struct factset *stated)
{
	const struct policy *policy = session->engine->policy;
	struct factset open = { { 0 } };
	struct bounds bounds;

	runs_may_state(session, &open);
	policy_bounds(policy, stated, &open, &bounds);
	if (!bounds.final && message_counts(session))
		return false;
	for (const struct recipient *recipient = session->recipients; recipient; recipient = recipient->next) {
		if (!recipient->facts)
			continue;
		struct factset own = *stated;
		add_recipient_facts(&own, recipient);
		policy_bounds(policy, &own, &open, &bounds);
		if (!bounds.final)
			return false;
	}
	return true;
}

/* Collect and wait until the action is final, nothing needed here is open, or the deadline has come. True: final. */
static bool settle(struct engine_session *session, clock_ms deadline, struct factset *stated)
{
	for (;;) {
		const bool early = session->stage < STAGE_EOM;
		runs_collect(session, false);
		stated_now(session, stated);
		if (early ? refusal_final(session, stated) : action_final(session, stated))
			return true;
		if (early && !refusal_possible(session, stated))
			return false;
		if (!runs_needed(session, session->stage) || clock_now() >= deadline)
			return false;
		runs_wait(session, deadline);
	}
}

static clock_ms session_budget_end(const struct engine_session *session, int stage_ms)
{
	int left_ms = session->engine->settings->wait.session_ms - session->waited_ms;

	if (left_ms < 0)
		left_ms = 0;
	return clock_now() + (stage_ms < left_ms ? stage_ms : left_ms);
}

/* What has not been answered by now is unsure. */
static void close_runs(struct engine_session *session, struct factset *stated)
{
	runs_collect(session, true);
	stated_now(session, stated);
}

/* Before the end of the message only a refusal is given. */
static const struct decision *refuse(struct engine_session *session, const struct factset *stated)
{
	struct verdict verdict;

	policy_judge(session->engine->policy, stated, &verdict);
	return decision_keep(session, &verdict, NULL);
}

static bool is_exempt(const struct engine_session *session, const struct verdict *verdict)
{
	return verdict->decided_by != FACT_NO_ID &&
	       catalogue_info(session->engine->catalogue, verdict->decided_by)->kind == FACT_EXEMPT;
}

/*
 * The session's memory is used up: gathering has stopped, and what would have been found is unknown. What was found
 * counts all the same, or whoever makes us use it up would buy an acceptance; only where that refuses nobody does
 * on_fault decide. Returns whether it does.
 */
static bool fault_decides(const struct engine_session *session, struct verdict *verdict)
{
	if (!arena_full(&session->scopes[SCOPE_MESSAGE].arena) || verdict->action >= ACTION_DEFER ||
	    is_exempt(session, verdict))
		return false;
	if (session->engine->settings->engine.on_fault == ENGINE_ON_FAULT_DEFER) {
		verdict->action = ACTION_DEFER;
		verdict->threshold_milli = CONFIG_OFF;
	}
	return true;
}

const struct decision *decide_early(struct engine_session *session)
{
	struct factset stated;

	runs_collect(session, false);
	stated_now(session, &stated);
	if ((int)session->stage < session->engine->settings->policy.decide_from || !refusal_final(session, &stated))
		return &undecided;
	return refuse(session, &stated);
}

/* The recipient is taken, unless the session's memory is used up and the administrator wants such mail deferred. */
static const struct decision *go_on(struct engine_session *session, const struct factset *stated)
{
	struct verdict verdict;

	policy_judge(session->engine->policy, stated, &verdict);
	if (!fault_decides(session, &verdict) || verdict.action < ACTION_DEFER)
		return &undecided;
	return decision_keep(session, &verdict, "fault");
}

const struct decision *decide_recipient(struct engine_session *session)
{
	struct factset stated;

	if (session->engine->settings->policy.decide_from > STAGE_RCPT) {
		runs_collect(session, false);
		return &undecided;
	}
	if (!session->rcpt_deadline)
		session->rcpt_deadline = session_budget_end(session, session->engine->settings->wait.rcpt_ms);
	if (!settle(session, session->rcpt_deadline, &stated))
		return go_on(session, &stated);
	return refuse(session, &stated);
}

/*
 * One message has one fate: refusing it or holding it back needs the agreement of all its recipients' policies; where
 * they differ it is tagged. Returns what decided, NULL for the verdict's own reason.
 */
static const char *judge_recipients(const struct engine_session *session, const struct factset *stated,
                                    struct verdict *verdict)
{
	struct verdict common, one, mildest, severest;

	policy_judge(session->engine->policy, stated, &common);
	mildest = severest = common;
	for (const struct recipient *recipient = session->recipients; recipient; recipient = recipient->next) {
		one = common;
		if (recipient->facts) {
			struct factset own = *stated;
			add_recipient_facts(&own, recipient);
			policy_judge(session->engine->policy, &own, &one);
		}
		if (recipient == session->recipients)
			mildest = severest = one;
		if (one.action < mildest.action)
			mildest = one;
		if (one.action > severest.action)
			severest = one;
	}
	if (session->unkept_facts)
		mildest.action = ACTION_ACCEPT;
	if (mildest.action >= ACTION_QUARANTINE || mildest.action == severest.action) {
		*verdict = mildest;
		return NULL;
	}
	*verdict = severest;
	verdict->action = ACTION_TAG;
	return severest.action == ACTION_TAG ? NULL : "recipients";
}

/* Are these headers going to be read, and is what they state worth a wait? An exempt message is not judged by it. */
static bool wants_whole_story(const struct engine_session *session, const struct verdict *verdict)
{
	const struct engine *engine = session->engine;

	if (verdict->action >= ACTION_DEFER && !engine_monitors(engine))
		return false;
	return !is_exempt(session, verdict);
}

/*
 * The action is certain, but a message that is delivered takes a score and results along, and others act on them: wait
 * a little for what is open; what does not come is stated as unsure, not left out.
 */
static void complete(struct engine_session *session, clock_ms eom_deadline, struct factset *stated)
{
	const clock_ms deadline = clock_min(session_budget_end(session, session->engine->settings->wait.complete_ms),
	                                    eom_deadline);

	while (runs_needed(session, STAGE_EOM) && clock_now() < deadline) {
		runs_wait(session, deadline);
		runs_collect(session, false);
	}
	close_runs(session, stated);
}

const struct decision *decide_message(struct engine_session *session)
{
	struct factset stated;
	struct verdict verdict;

	const clock_ms deadline = session_budget_end(session, session->engine->settings->wait.eom_ms);
	if (!settle(session, deadline, &stated))
		close_runs(session, &stated);
	const char *decided_by = judge_recipients(session, &stated, &verdict);
	if (wants_whole_story(session, &verdict)) {
		complete(session, deadline, &stated);
		decided_by = judge_recipients(session, &stated, &verdict);
	}
	if (fault_decides(session, &verdict))
		decided_by = "fault";
	return decision_keep(session, &verdict, decided_by);
}
