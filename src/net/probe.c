/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "net/probe_internal.h"

struct probe_settings probe_default_settings(void)
{
	return (struct probe_settings){
		.port = 25,
		.connect_ms = 3000,
		.step_ms = 3000,
		.total_ms = 6000,
		.octets_max = 8192,
		.probes_max = 64,
		.address_hour_max = 4,
		.net_hour_max = 60,
		.match_ttl_s = 86400,
		.other_ttl_s = 3600,
		.targets_max = 8192,
	};
}

bool probe_names(const struct probe_reply *reply, const char *name)
{
	if (reply->outcome != PROBE_GREETED || name[0] == '\0')
		return false;
	return strcmp(reply->greeting, name) == 0 || strcmp(reply->ehlo, name) == 0;
}

const char *probe_outcome_name(enum probe_outcome outcome)
{
	static const char *const names[PROBE_OUTCOMES] = {
		[PROBE_GREETED] = "greeted",   [PROBE_REFUSED_BY_PEER] = "refused by peer",
		[PROBE_NOT_SMTP] = "not smtp", [PROBE_SILENT] = "silent",
		[PROBE_REFUSED] = "refused",   [PROBE_UNREACHABLE] = "unreachable",
		[PROBE_LIMITED] = "limited",   [PROBE_FORBIDDEN] = "forbidden",
		[PROBE_UNSURE] = "unsure",
	};

	return names[outcome];
}

const char *probe_forbids(const struct probe *probe, const struct ip *address)
{
	return special_why(address, &probe->rules);
}

/* ---- opening and closing ---- */

/* The thread is to look again. */
static void nudge(struct probe *probe)
{
	static const uint64_t one = 1;

	while (write(probe->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

static int open_descriptors(struct probe *probe, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	probe->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	probe->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (probe->epoll_fd >= 0 && probe->event_fd >= 0 &&
	    epoll_ctl(probe->epoll_fd, EPOLL_CTL_ADD, probe->event_fd, &event) == 0)
		return 0;
	return err_set(err, "the thread for reverse greetings cannot begin (epoll): %s", strerror(errno));
}

static int start_thread(struct probe *probe, struct err *err)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&probe->thread, NULL, probe_run, probe);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return err_set(err, "the thread for reverse greetings cannot begin: %s", strerror(error));
	return 0;
}

static void free_probe(struct probe *probe)
{
	if (probe->epoll_fd >= 0)
		close(probe->epoll_fd);
	if (probe->event_fd >= 0)
		close(probe->event_fd);
	targets_close(&probe->targets);
	own_nets_close(&probe->own);
	pthread_mutex_destroy(&probe->lock);
	free(probe);
}

static struct targets *make_targets(const struct probe_settings *settings)
{
	const struct targets_limits limits = {
		.max = (size_t)settings->targets_max,
		.address_hour_max = settings->address_hour_max,
		.net_hour_max = settings->net_hour_max,
		.match_ttl_s = settings->match_ttl_s,
		.other_ttl_s = settings->other_ttl_s,
	};

	return targets_open(&limits);
}

struct probe *probe_open(const struct probe_settings *settings, struct err *err)
{
	struct probe *probe = memory_new(sizeof(*probe));

	probe->settings = *settings;
	probe->epoll_fd = probe->event_fd = -1;
	pthread_mutex_init(&probe->lock, NULL);
	probe->targets = make_targets(settings);
	if (own_nets_open(&probe->own, err) != 0 || open_descriptors(probe, err) != 0)
		goto fail;
	probe->rules = (struct special_rules){
		.denied = settings->denied,
		.tested = settings->tested,
		.own = { probe->own.nets, probe->own.n },
	};
	if (start_thread(probe, err) == 0)
		return probe;
fail:
	free_probe(probe);
	return NULL;
}

void probe_close(struct probe **probe)
{
	if (*probe == NULL)
		return;
	pthread_mutex_lock(&(*probe)->lock);
	(*probe)->closing = true;
	pthread_mutex_unlock(&(*probe)->lock);
	nudge(*probe);
	pthread_join((*probe)->thread, NULL);
	while ((*probe)->jobs != NULL)
		probe_end_job(*probe, (*probe)->jobs);
	free_probe(*probe);
	*probe = NULL;
}

/* ---- asking ---- */

/* Needs the lock. */
static void count(const struct probe *probe, uint64_t *own, enum counters_probe which)
{
	(*own)++;
	counters_add(&probe->settings.tally, COUNTER_PROBES + (unsigned)which, 1);
}

/* Needs the lock. */
static void join_job(struct probe_ticket *ticket, struct job *job)
{
	ticket->job = job;
	ticket->next = job->tickets;
	if (job->tickets != NULL)
		job->tickets->prev = ticket;
	job->tickets = ticket;
}

/* Without waking: probe_ask() has not returned. Needs the lock. */
static void answer(struct probe_ticket *ticket, enum probe_outcome outcome, const char *why)
{
	ticket->reply = (struct probe_reply){ .outcome = outcome, .why = why };
}

static void copy_name(char *to, size_t size, const char *from)
{
	const size_t octets = from != NULL ? strlen(from) : 0;

	to[0] = '\0';
	if (octets < size) /* what is longer is no name */
		memcpy(to, from != NULL ? from : "", octets + 1);
}

/* A conversation whose end is not known yet; needs the lock. */
static struct job *find_job(struct probe *probe, const struct ip *target)
{
	struct job *job = probe->jobs;

	while (job != NULL && (job->told || !ip_equal(&job->target, target)))
		job = job->next;
	return job;
}

/* Needs the lock. */
static struct job *add_job(struct probe *probe, const struct probe_question *question, const struct ip *target)
{
	struct job *job = memory_new(sizeof(*job));

	job->address = question->address;
	job->target = *target;
	job->talk.fd = -1;
	copy_name(job->ehlo_name, sizeof(job->ehlo_name), question->ehlo_name);
	job->next = probe->jobs;
	probe->jobs = job;
	probe->n_jobs++;
	counters_gauge(&probe->settings.tally, GAUGE_PROBES, 1);
	count(probe, &probe->stats.connected, COUNTERS_PROBE_CONNECTED);
	return job;
}

/* Needs the lock. True: the thread has something new to do. */
static bool ask(struct probe *probe, const struct probe_question *question, struct probe_ticket *ticket)
{
	const struct ip target = special_embedded(&question->address);
	const clock_ms now = clock_now();
	const struct probe_reply *known = targets_find(probe->targets, &target, ticket->name, now);
	struct job *job = find_job(probe, &target);

	if (known != NULL) {
		count(probe, &probe->stats.remembered, COUNTERS_PROBE_REMEMBERED);
		ticket->reply = *known;
		return false;
	}
	if (job != NULL) {
		count(probe, &probe->stats.joined, COUNTERS_PROBE_JOINED);
	} else if (probe->n_jobs < (size_t)probe->settings.probes_max && targets_admit(probe->targets, &target, now)) {
		job = add_job(probe, question, &target);
	} else {
		count(probe, &probe->stats.limited, COUNTERS_PROBE_LIMITED);
		answer(ticket, PROBE_LIMITED, "limit");
		return false;
	}
	join_job(ticket, job);
	return true;
}

struct probe_ticket *probe_ask(struct probe *probe, const struct probe_question *question)
{
	struct probe_ticket *ticket = memory_new(sizeof(*ticket));
	const char *why = probe_forbids(probe, &question->address);
	bool news = false;

	ticket->probe = probe;
	ticket->deadline = question->deadline;
	ticket->wake = question->wake;
	ticket->context = question->context;
	copy_name(ticket->name, sizeof(ticket->name), question->name);
	pthread_mutex_lock(&probe->lock);
	probe->stats.asked++;
	if (why != NULL) {
		count(probe, &probe->stats.forbidden, COUNTERS_PROBE_FORBIDDEN);
		answer(ticket, PROBE_FORBIDDEN, why);
	} else {
		news = ask(probe, question, ticket);
	}
	pthread_mutex_unlock(&probe->lock);
	if (news)
		nudge(probe);
	return ticket;
}

bool probe_poll(struct probe_ticket *ticket, struct probe_reply *reply)
{
	bool answered;

	pthread_mutex_lock(&ticket->probe->lock);
	answered = ticket->job == NULL;
	if (answered)
		*reply = ticket->reply;
	pthread_mutex_unlock(&ticket->probe->lock);
	return answered;
}

void probe_drop(struct probe_ticket **ticket)
{
	struct probe *probe;

	if (*ticket == NULL)
		return;
	probe = (*ticket)->probe;
	pthread_mutex_lock(&probe->lock);
	if ((*ticket)->job != NULL)
		probe_leave_job(*ticket);
	pthread_mutex_unlock(&probe->lock);
	free(*ticket);
	*ticket = NULL;
}

void probe_get_stats(struct probe *probe, struct probe_stats *stats)
{
	pthread_mutex_lock(&probe->lock);
	*stats = probe->stats;
	stats->now = probe->n_jobs;
	pthread_mutex_unlock(&probe->lock);
}
