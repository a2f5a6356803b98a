/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_thread - the one thread that carries on all conversations.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/probe_internal.h"

#define EVENTS_MAX  64
#define NO_DEADLINE INT64_MAX

_Static_assert(PROBE_OUTCOMES == COUNTERS_PROBE_OUTCOMES, "each outcome has its counter");

/* ---- tickets; all of it needs the lock ---- */

void probe_leave_job(struct probe_ticket *ticket)
{
	if (ticket->next != NULL)
		ticket->next->prev = ticket->prev;
	*(ticket->prev != NULL ? &ticket->prev->next : &ticket->job->tickets) = ticket->next;
	ticket->job = NULL;
}

static void tell(struct probe_ticket *ticket, const struct probe_reply *reply)
{
	probe_leave_job(ticket);
	ticket->reply = *reply;
	if (ticket->wake != NULL)
		ticket->wake(ticket->context);
}

/* ---- the conversations ---- */

/* Those who expect the name in the greeting need not wait for more. */
static void tell_matches(struct job *job)
{
	struct probe_ticket *next;

	for (struct probe_ticket *ticket = job->tickets; ticket != NULL; ticket = next) {
		next = ticket->next;
		if (probe_names(&job->talk.reply, ticket->name))
			tell(ticket, &job->talk.reply);
	}
}

static void tell_all(struct probe *probe, struct job *job, clock_ms now)
{
	if (job->talk.reply.outcome != PROBE_UNSURE)
		targets_keep(probe->targets, &job->target, &job->talk.reply, now);
	while (job->tickets != NULL)
		tell(job->tickets, &job->talk.reply);
	job->told = true;
	counters_add(&probe->settings.tally, COUNTER_PROBE_OUTCOMES + (unsigned)job->talk.reply.outcome, 1);
}

static void tell_late(struct job *job, clock_ms now)
{
	static const struct probe_reply late = { .outcome = PROBE_UNSURE, .why = "timeout" };
	struct probe_ticket *next;

	for (struct probe_ticket *ticket = job->tickets; ticket != NULL; ticket = next) {
		next = ticket->next;
		if (now >= ticket->deadline)
			tell(ticket, &late);
	}
}

static void hand_out(struct probe *probe, struct job *job, clock_ms now)
{
	pthread_mutex_lock(&probe->lock);
	if (job->talk.state == TALK_EHLO)
		tell_matches(job);
	else if (job->talk.state >= TALK_QUIT && !job->told)
		tell_all(probe, job, now);
	tell_late(job, now);
	pthread_mutex_unlock(&probe->lock);
}

static void watch(struct probe *probe, struct job *job)
{
	const uint32_t events = talk_wants_to_write(&job->talk) ? EPOLLOUT : EPOLLIN;
	struct epoll_event event = { .events = events, .data.ptr = job };

	if (job->talk.fd < 0 || (job->registered && job->events == events))
		return;
	if (epoll_ctl(probe->epoll_fd, job->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, job->talk.fd, &event) != 0)
		talk_close(
			&job->talk); /* nothing would be heard of it; the reply is "unsure" until something is known */
	job->registered = true;
	job->events = events;
}

static void step(struct probe *probe, struct job *job, bool ready, clock_ms now)
{
	const bool begins = !job->begun;

	job->begun = true;
	if (begins)
		talk_open(&job->talk, &probe->settings, &job->address, job->ehlo_name, now);
	else
		talk_step(&job->talk, ready, now);
	if (job->talk.state == TALK_OVER)
		talk_close(&job->talk);
	else
		watch(probe, job);
	hand_out(probe, job, now);
}

static clock_ms due(const struct job *job)
{
	clock_ms point = job->talk.deadline;

	for (const struct probe_ticket *ticket = job->tickets; ticket != NULL; ticket = ticket->next)
		point = clock_min(point, ticket->deadline);
	return point;
}

/*
 * A job with something to do now: that is new, or overdue, or over. NULL: none is, and *next says when one will be.
 * Only the thread takes jobs out of the list.
 */
static struct job *find_due(struct probe *probe, clock_ms now, clock_ms *next)
{
	struct job *job;

	*next = NO_DEADLINE;
	pthread_mutex_lock(&probe->lock);
	for (job = probe->jobs; job != NULL; job = job->next) {
		clock_ms point = job->begun ? due(job) : now;
		if (point <= now || (job->begun && job->talk.state == TALK_OVER))
			break;
		*next = clock_min(*next, point);
	}
	pthread_mutex_unlock(&probe->lock);
	return job;
}

void probe_end_job(struct probe *probe, struct job *job)
{
	struct job **link = &probe->jobs;

	talk_close(&job->talk);
	pthread_mutex_lock(&probe->lock);
	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	probe->n_jobs--;
	counters_gauge(&probe->settings.tally, GAUGE_PROBES, -1);
	pthread_mutex_unlock(&probe->lock);
	free(job);
}

/* Do what is due; returns how long epoll may sleep. */
static int do_due(struct probe *probe)
{
	clock_ms now = clock_now(), next;
	struct job *job;

	while ((job = find_due(probe, now, &next)) != NULL) {
		if (!job->begun || job->talk.state != TALK_OVER)
			step(probe, job, false, now);
		else
			probe_end_job(probe, job);
	}
	if (next == NO_DEADLINE)
		return -1;
	return next - now < INT32_MAX ? (int)(next - now) : INT32_MAX;
}

static bool is_closing(struct probe *probe)
{
	bool closing;

	pthread_mutex_lock(&probe->lock);
	closing = probe->closing;
	pthread_mutex_unlock(&probe->lock);
	return closing;
}

static void clear_event(struct probe *probe)
{
	uint64_t count;

	/* an eventfd that is readable gives its eight octets at once */
	while (read(probe->event_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		continue;
}

void *probe_run(void *context)
{
	struct probe *probe = context;
	struct epoll_event events[EVENTS_MAX];

	while (!is_closing(probe)) {
		const int n = epoll_wait(probe->epoll_fd, events, EVENTS_MAX, do_due(probe));
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				clear_event(probe);
			else
				step(probe, events[i].data.ptr, true, clock_now());
		}
	}
	return NULL;
}
