/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_internal - what the two files of the service share; nobody else includes it.
 */
#ifndef MAILREEVE_NET_PROBE_INTERNAL_H
#define MAILREEVE_NET_PROBE_INTERNAL_H

#include <pthread.h>

#include "net/own.h"
#include "net/probe.h"
#include "net/talk.h"
#include "net/targets.h"

struct probe_ticket {
	struct probe *probe;
	struct probe_ticket *prev, *next; /* of the job; lock */
	struct job *job;                  /* NULL: answered; lock */
	struct probe_reply reply;         /* lock */
	char name[BANNER_NAME_SIZE];
	clock_ms deadline;
	void (*wake)(void *context);
	void *context;
};

/* A conversation, and who waits for it. */
struct job {
	struct job *next;
	struct ip address;                     /* where we connect */
	struct ip target;                      /* who that is: special_embedded() */
	struct probe_ticket *tickets;          /* lock */
	bool told;                             /* lock: the whole reply has been handed out */
	char ehlo_name[DOMAIN_OCTETS_MAX + 1]; /* "": none was given */
	struct talk talk;                      /* the thread's own */
	bool begun, registered;                /* the same */
	uint32_t events;                       /* the same: what epoll waits for */
};

struct probe {
	struct probe_settings settings;
	struct own_nets own;
	struct special_rules rules;
	pthread_t thread;
	int epoll_fd, event_fd;
	pthread_mutex_t lock; /* guards what follows, and what says so above; taken before a session's lock */
	struct targets *targets;
	struct job *jobs;
	size_t n_jobs;
	struct probe_stats stats;
	bool closing;
};

/* The thread; `context` is the service. */
void *probe_run(void *context);

/* Take it out of the list, and free it. On the thread, or after its end; nobody waits for the job. */
void probe_end_job(struct probe *probe, struct job *job);

/* Needs the lock. */
void probe_leave_job(struct probe_ticket *ticket);

#endif
