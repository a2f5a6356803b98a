/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs - the checks at work: started by stage, collected when answers came, waited for where a verdict is due.
 */
#include <stdlib.h>

#include "engine/engine_internal.h"

#define WAIT_SLICE_FIRST_MS 50 /* the hook is called again after this, then after twice as long, and so on */

static struct check_run run_make(struct engine_session *session, const struct engine_part *part);
static void part_may_state(const struct check_run *run, struct factset *set);

static enum scope_kind scope_of(enum stage stage)
{
	static const enum scope_kind scopes[STAGES] = {
		[STAGE_CONNECT] = SCOPE_CONNECTION, [STAGE_HELO] = SCOPE_HELO,       [STAGE_MAIL] = SCOPE_MESSAGE,
		[STAGE_RCPT] = SCOPE_RECIPIENT,     [STAGE_HEADERS] = SCOPE_MESSAGE, [STAGE_EOM] = SCOPE_MESSAGE,
	};
	return scopes[stage];
}

static void leave_out_exemptions(const struct catalogue *catalogue, struct factset *set)
{
	for (size_t id = 0; id < catalogue_count(catalogue); id++)
		if (catalogue_info(catalogue, (fact_id)id)->kind == FACT_EXEMPT)
			factset_remove(set, (fact_id)id);
}

/*
 * Could what is open, or still to come, change the action? While parts are being started those of their stage count as
 * not started: one of them asks. That the message may still be exempt is no reason to ask: then no answer counts.
 */
static bool worth_asking(void *context)
{
	struct engine_session *session = context;
	struct factset stated = { { 0 } }, open = { { 0 } };
	const struct engine *engine = session->engine;
	struct bounds bounds;

	evidence_facts(engine_evidence(session), &stated);
	runs_may_state(session, &open);
	for (size_t i = engine->first_part[session->stage]; i < engine->first_part[session->stage + 1]; i++) {
		struct check_run run = run_make(session, &engine->parts[i]);
		part_may_state(&run, &open);
	}
	leave_out_exemptions(engine->catalogue, &open);
	policy_bounds(engine->policy, &stated, &open, &bounds);
	return !bounds.final;
}

static struct check_run run_make(struct engine_session *session, const struct engine_part *part)
{
	return (struct check_run){
		.worth_asking = worth_asking,
		.worth_context = session,
		.stated = tally_fact,
		.stated_context = session,
		.check = part->check->check,
		.part = part->part,
		.settings = part->check->own,
		.first_fact = part->check->first_fact,
		.subject = &session->subject,
		.findings = &session->findings,
		.dns = session->dns,
		.stage = session->stage,
	};
}

bool runs_exempt(const struct engine_session *session)
{
	const struct evidence *evidence = &session->scopes[SCOPE_RECIPIENT].evidence;
	for (; evidence; evidence = evidence->outer)
		for (const struct evidence_item *item = evidence->first; item; item = item->next)
			if (catalogue_info(session->engine->catalogue, item->id)->kind == FACT_EXEMPT)
				return true;
	return false;
}

static struct work *work_begin(struct engine_session *session, struct scope *scope)
{
	if (!session->dns)
		session->dns = dns_session_open(session->engine->dns);
	if (!scope->work) {
		scope->work = memory_new(sizeof(*scope->work));
		arena_open(&scope->work->arena, &session->quota);
	}
	return scope->work;
}

static struct run_node *first_open(const struct engine_session *session, int kind)
{
	return session->scopes[kind].work ? session->scopes[kind].work->open : NULL;
}

/* Behind the others: what is published is seen by those that started later. */
static void keep_open(struct work *work, struct run_node *node)
{
	struct run_node **link = &work->open;

	while (*link)
		link = &(*link)->next;
	*link = node;
}

/* A run is about to be called, and may ask: the histograms of DNS tell the checks apart. */
static struct check_run *call(struct engine_session *session, struct run_node *node)
{
	dns_session_asks_for(session->dns, node->number);
	return &node->run;
}

void runs_start(struct engine_session *session, enum stage stage)
{
	const struct engine *engine = session->engine;
	struct scope *scope = &session->scopes[scope_of(stage)];

	for (size_t i = engine->first_part[stage]; i < engine->first_part[stage + 1]; i++) {
		if (runs_exempt(session) || arena_full(&scope->arena))
			return;
		struct work *work = work_begin(session, scope);
		struct run_node *node = arena_alloc(&work->arena, sizeof(*node));
		node->run = run_make(session, &engine->parts[i]);
		node->run.evidence = &scope->evidence;
		node->run.arena = &work->arena;
		node->run.keep = &scope->arena;
		node->run.started = true;
		node->run.started_ms = clock_now();
		node->number = (unsigned)(engine->parts[i].check - engine->settings->checks);
		if (node->run.part->start(call(session, node)) == CHECK_DONE)
			continue;
		keep_open(work, node);
	}
}

static void work_over(struct engine_session *session, struct scope *scope)
{
	if (!scope->work)
		return;
	dns_session_cancel(session->dns, &scope->work->arena);
	arena_close(&scope->work->arena);
	free(scope->work);
	scope->work = NULL;
}

void runs_rest(struct engine_session *session)
{
	bool at_work = false;

	for (int kind = 0; kind < SCOPES; kind++) {
		if (first_open(session, kind) || (kind == SCOPE_MESSAGE && session->in_headers))
			at_work = true;
		else
			work_over(session, &session->scopes[kind]);
	}
	if (!at_work)
		dns_session_close(&session->dns);
}

void runs_collect(struct engine_session *session, bool closing)
{
	for (int kind = 0; kind < SCOPES; kind++) {
		struct work *work = session->scopes[kind].work;
		struct run_node **link = work ? &work->open : NULL;
		while (link && *link) {
			struct check_run *run = call(session, *link);
			run->stage = session->stage;
			run->closing = closing;
			run->done = run->part->collect(run) == CHECK_DONE || closing;
			if (run->done)
				*link = (*link)->next;
			else
				link = &(*link)->next;
		}
	}
	runs_rest(session);
}

/* What was found goes with the memory in which it lives. */
static void forget_findings(struct findings *findings, enum scope_kind from)
{
	const struct findings of_helo = {
		.spf[SPF_HELO] = findings->spf[SPF_HELO],
		.spf_helo_open = findings->spf_helo_open,
	};

	if (from <= SCOPE_HELO)
		*findings = (struct findings){ 0 };
	else if (from <= SCOPE_MESSAGE)
		*findings = of_helo;
}

void runs_reset_scopes(struct engine_session *session, enum scope_kind from)
{
	forget_findings(&session->findings, from);
	for (int kind = SCOPES - 1; kind >= (int)from; kind--) {
		struct scope *scope = &session->scopes[kind];
		work_over(session, scope);
		arena_reset(&scope->arena);
		evidence_open(&scope->evidence, kind ? &session->scopes[kind - 1].evidence : NULL);
	}
	if (from == SCOPE_CONNECTION)
		dns_session_close(&session->dns);
}

static void part_may_state(const struct check_run *run, struct factset *set)
{
	if (run->part->may_state) {
		run->part->may_state(run, set);
		return;
	}
	for (size_t i = 0; i < run->check->n_facts; i++)
		factset_add(set, (fact_id)(run->first_fact + i));
}

void runs_may_state_now(const struct engine_session *session, struct factset *set)
{
	for (int kind = 0; kind < SCOPES; kind++)
		for (const struct run_node *node = first_open(session, kind); node; node = node->next)
			part_may_state(&node->run, set);
}

void runs_may_state(struct engine_session *session, struct factset *set)
{
	const struct engine *engine = session->engine;

	runs_may_state_now(session, set);
	if (session->stage == STAGE_EOM)
		return;
	for (size_t i = engine->first_part[session->stage + 1]; i < engine->first_part[STAGES]; i++) {
		struct check_run run = run_make(session, &engine->parts[i]);
		part_may_state(&run, set);
	}
}

bool runs_needed(const struct engine_session *session, enum stage stage)
{
	for (int kind = 0; kind < SCOPES; kind++)
		for (const struct run_node *node = first_open(session, kind); node; node = node->next)
			if (node->run.part->needed_by <= stage)
				return true;
	return false;
}

bool runs_wait(struct engine_session *session, clock_ms deadline)
{
	clock_ms now = clock_now();
	const clock_ms began = now;
	bool answered = false;

	for (clock_ms slice = WAIT_SLICE_FIRST_MS; !answered && now < deadline; slice *= 2) {
		if (session->hooks.before_wait)
			session->hooks.before_wait(session->hooks.context);
		answered = dns_session_wait(session->dns, clock_min(now + slice, deadline));
		now = clock_now();
	}
	session->waited_ms += (int)(now - began);
	return answered;
}

/* ---- taps ---- */

static struct run_node *first_tapped(const struct engine_session *session)
{
	return first_open(session, SCOPE_MESSAGE);
}

void runs_header(struct engine_session *session, const char *name, const char *value)
{
	for (struct run_node *node = first_tapped(session); node; node = node->next)
		if (node->run.part->header)
			node->run.part->header(call(session, node), name, value);
}

void runs_headers_end(struct engine_session *session)
{
	for (struct run_node *node = first_tapped(session); node; node = node->next)
		if (node->run.part->headers_end)
			node->run.part->headers_end(call(session, node));
}

static bool wants_body(const struct check_run *run)
{
	return run->part->body && (!run->part->wants_body || run->part->wants_body(run));
}

bool runs_body(struct engine_session *session, const uint8_t *octets, size_t length)
{
	bool wanted = false;

	for (struct run_node *node = first_tapped(session); node; node = node->next) {
		if (!wants_body(&node->run))
			continue;
		node->run.part->body(call(session, node), octets, length);
		wanted |= wants_body(&node->run);
	}
	return wanted;
}

void runs_body_end(struct engine_session *session)
{
	for (struct run_node *node = first_tapped(session); node; node = node->next)
		if (node->run.part->body_end)
			node->run.part->body_end(call(session, node));
}
