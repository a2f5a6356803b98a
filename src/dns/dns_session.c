/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "dns/dns_internal.h"

struct dns_session *dns_session_open(struct dns *dns)
{
	struct dns_session *session = memory_new(sizeof *session);
	pthread_condattr_t monotonic;

	session->dns = dns;
	pthread_mutex_init(&session->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&session->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return session;
}

void dns_session_close(struct dns_session **session)
{
	if (*session == NULL)
		return;
	while ((*session)->questions != NULL)
		dns_cancel((*session)->questions);
	pthread_cond_destroy(&(*session)->changed);
	pthread_mutex_destroy(&(*session)->lock);
	free(*session);
	*session = NULL;
}

void dns_session_cancel(struct dns_session *session, const struct arena *arena)
{
	for (struct dns_question *question = session->questions, *next; question != NULL; question = next) {
		next = question->next_open;
		if (question->arena == arena)
			dns_cancel(question);
	}
}

size_t dns_session_outstanding(const struct dns_session *session)
{
	return atomic_load_explicit(&session->n_open, memory_order_relaxed);
}

size_t dns_session_asked(const struct dns_session *session)
{
	return session->asked;
}

void dns_session_asks_for(struct dns_session *session, unsigned check)
{
	session->asker = check < COUNTERS_CHECKS ? check : COUNTERS_CHECKS - 1;
}

struct question_outcome question_from_cache(const struct cache_shard *shard, const struct cache_entry *entry,
                                            unsigned flags, enum dns_why why, clock_ms now)
{
	struct question_outcome outcome = { .why = why };

	if (entry == NULL || entry->block.answer == NULL)
		return outcome;
	if (why != DNS_WHY_NOTHING) {
		outcome.stale = (flags & DNS_FLAG_NO_STALE) == 0 && cache_is_usable_stale(shard, entry, now);
		if (!outcome.stale)
			return outcome;
	}
	int64_t left_s = (int64_t)entry->block.answer->ttl_s - (now - entry->stored) / 1000;
	outcome.block = entry->block;
	outcome.why = DNS_WHY_NOTHING;
	outcome.ttl_s = left_s > 0 && !outcome.stale ? (uint32_t)left_s : 0;
	return outcome;
}

static void set_answer(struct dns_question *question, const struct question_outcome *outcome)
{
	size_t octets = outcome->block.answer != NULL ? outcome->block.octets : sizeof(struct dns_answer);
	struct dns_answer *answer = arena_alloc(question->arena, octets);

	if (outcome->block.answer != NULL) {
		answer_copy(answer, &outcome->block);
		answer->ttl_s = outcome->ttl_s;
		answer->stale = outcome->stale;
	} else {
		answer->status = outcome->why == DNS_WHY_BAD_NAME ? DNS_NONE : DNS_UNSURE;
		answer->why = outcome->why;
	}
	answer->cached = outcome->cached;
	question->answer = answer;
	question->state = QUESTION_SETTLED;
}

void question_settle(struct dns_question *question, const struct question_outcome *outcome)
{
	dns_count_outcome(question->session->dns, outcome);
	set_answer(question, outcome);
}

void question_join(struct dns_question *question, struct cache_shard *shard, struct cache_entry *entry)
{
	struct dns_session *session = question->session;

	question->shard = shard;
	question->entry = entry;
	question->next_waiter = entry->waiters;
	if (entry->waiters != NULL)
		entry->waiters->prev_waiter = question;
	entry->waiters = question;

	question->next_open = session->questions;
	if (session->questions != NULL)
		session->questions->prev_open = question;
	session->questions = question;
	atomic_fetch_add_explicit(&session->n_open, 1, memory_order_relaxed);
}

/* Nobody else will touch the question; needs the shard's lock. */
static void leave_entry(struct dns_question *question)
{
	if (question->next_waiter != NULL)
		question->next_waiter->prev_waiter = question->prev_waiter;
	if (question->prev_waiter != NULL)
		question->prev_waiter->next_waiter = question->next_waiter;
	else
		question->entry->waiters = question->next_waiter;
	question->entry = NULL;
}

static void count_closed(struct dns_session *session)
{
	atomic_fetch_sub_explicit(&session->n_open, 1, memory_order_relaxed);
}

static void leave_session(struct dns_question *question)
{
	if (question->next_open != NULL)
		question->next_open->prev_open = question->prev_open;
	if (question->prev_open != NULL)
		question->prev_open->next_open = question->next_open;
	else
		question->session->questions = question->next_open;
}

/* The arena belongs to the session's thread, so the answer goes through a block of its own until that thread looks. */
void question_wake(struct dns_question *question, const struct question_outcome *outcome)
{
	struct dns_session *session = question->session;

	dns_count_outcome(session->dns, outcome);
	dns_count_waited(question);
	leave_entry(question);
	pthread_mutex_lock(&session->lock);
	if (outcome->block.answer != NULL) {
		question->block.octets = outcome->block.octets;
		question->block.answer = answer_copy(memory_new(outcome->block.octets), &outcome->block);
		question->block.answer->ttl_s = outcome->ttl_s;
		question->block.answer->stale = outcome->stale;
	}
	question->why = outcome->why;
	question->state = QUESTION_READY;
	count_closed(session); /* under the lock: who sees no open question any more will find every answer */
	session->news = true;
	pthread_cond_signal(&session->changed);
	pthread_mutex_unlock(&session->lock);
}

static enum question_state state_of(struct dns_question *question)
{
	pthread_mutex_lock(&question->session->lock);
	enum question_state state = question->state;
	pthread_mutex_unlock(&question->session->lock);
	return state;
}

/* From READY to SETTLED. */
static void collect(struct dns_question *question)
{
	struct question_outcome outcome = { .block = question->block, .why = question->why };

	if (outcome.block.answer != NULL) {
		outcome.ttl_s = outcome.block.answer->ttl_s;
		outcome.stale = outcome.block.answer->stale;
	}
	leave_session(question);
	set_answer(question, &outcome);
	free(question->block.answer);
	question->block.answer = NULL;
}

/* The deadline has passed. The answer may still have come first. */
static void expire(struct dns_question *question, clock_ms now)
{
	cache_lock_again(question->shard);
	if (question->entry == NULL) {
		cache_unlock(question->shard);
		collect(question);
		return;
	}
	struct question_outcome outcome = question_from_cache(question->shard, question->entry, question->flags,
	                                                      DNS_WHY_TIMEOUT, now);
	leave_entry(question);
	count_closed(question->session);
	question_settle(question, &outcome);
	cache_unlock(question->shard);
	leave_session(question);
	dns_count_waited(question);
	dns_count(question->session->dns, COUNTER_DNS_LATE, 1);
}

/* Settle the question if it is time. Returns its state. */
static enum question_state look(struct dns_question *question, clock_ms now)
{
	if (question->answer != NULL)
		return QUESTION_SETTLED;
	if (state_of(question) == QUESTION_READY)
		collect(question);
	else if (now >= question->deadline)
		expire(question, now);
	else
		return QUESTION_OPEN;
	return QUESTION_SETTLED;
}

enum dns_status dns_poll(struct dns_question *question, const struct dns_answer **answer)
{
	if (look(question, question->session->dns->now()) == QUESTION_OPEN)
		return DNS_PENDING;
	if (answer != NULL)
		*answer = question->answer;
	return question->answer->status;
}

/* Sleep until something changes or the point is reached; needs the session's lock. */
static void sleep_until(struct dns_session *session, clock_ms point)
{
	struct dns *dns = session->dns;
	clock_ms real = dns->now == clock_now ? point : clock_now() + (point - dns->now());
	struct timespec until = clock_timespec(real);

	pthread_cond_timedwait(&session->changed, &session->lock, &until);
}

enum dns_status dns_wait(struct dns_question *question, clock_ms deadline, const struct dns_answer **answer)
{
	struct dns_session *session = question->session;
	clock_ms until = clock_min(deadline, question->deadline);

	if (question->answer == NULL) {
		pthread_mutex_lock(&session->lock);
		while (question->state == QUESTION_OPEN && session->dns->now() < until)
			sleep_until(session, until);
		pthread_mutex_unlock(&session->lock);
	}
	return dns_poll(question, answer);
}

/* Settle what is ready or overdue. Returns the deadline that comes next; *settled says whether there was anything. */
static clock_ms look_at_all(struct dns_session *session, bool *settled)
{
	clock_ms now = session->dns->now();
	clock_ms next = INT64_MAX;
	struct dns_question *following;

	for (struct dns_question *question = session->questions; question != NULL; question = following) {
		following = question->next_open;
		if (look(question, now) == QUESTION_OPEN)
			next = clock_min(next, question->deadline);
		else
			*settled = true;
	}
	return next;
}

bool dns_session_wait(struct dns_session *session, clock_ms deadline)
{
	bool settled = false;

	for (;;) {
		clock_ms until = clock_min(deadline, look_at_all(session, &settled));
		pthread_mutex_lock(&session->lock);
		settled = settled || session->news || (session->questions == NULL && session->n_held == 0);
		session->news = false;
		if (!settled && session->dns->now() < until)
			sleep_until(session, until);
		pthread_mutex_unlock(&session->lock);
		if (settled)
			break;
		/* what has come in the meantime is looked at before the caller's deadline is */
		if (session->dns->now() >= deadline) {
			look_at_all(session, &settled);
			break;
		}
	}
	return settled;
}

void dns_session_hold(struct dns_session *session)
{
	session->n_held++;
}

void dns_session_let_go(struct dns_session *session)
{
	assert(session->n_held > 0);
	session->n_held--;
}

void dns_session_wake(void *session)
{
	struct dns_session *woken = session;

	pthread_mutex_lock(&woken->lock);
	woken->news = true;
	pthread_cond_signal(&woken->changed);
	pthread_mutex_unlock(&woken->lock);
}

void dns_cancel(struct dns_question *question)
{
	if (question == NULL || question->answer != NULL)
		return;
	cache_lock_again(question->shard);
	if (question->entry != NULL) {
		leave_entry(question);
		count_closed(question->session);
		dns_count(question->session->dns, COUNTER_DNS_ABANDONED, 1);
	}
	cache_unlock(question->shard);
	leave_session(question);
	free(question->block.answer);
	question->block.answer = NULL;
}
