/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend that asks the world: libunbound through its event API, owned by one thread.
 *
 * Sessions' threads only append to `fresh` and signal `wake_fd`; everything else belongs to the resolver thread (before
 * it starts and after it was joined: to whoever opens and closes).
 */
#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/backend.h"
#include "dns/name.h"
#include "dns/unbound_context.h"
#include "dns/unbound_setup.h"

#define CROWD_LEAST 256 /* questions at a time that leave memory worth giving back */

struct question {
	struct unbound *unbound;
	TAILQ_ENTRY(question) link;
	void *token;
	clock_ms asked;
	enum dns_type type;
	size_t octets;
	uint8_t wire[];
};

TAILQ_HEAD(question_list, question);

struct unbound {
	dns_backend_done *done;
	struct ub_ctx *ctx;
	struct event_base *base;
	struct event *wake;
	int wake_fd;
	int question_ms;
	pthread_t thread;

	pthread_mutex_t lock; /* guards fresh and stopping */
	struct question_list fresh;
	bool stopping;

	/* the resolver thread's own */
	struct question_list waiting; /* for a free port, oldest first */
	struct question_list asked;   /* handed to libunbound */
	struct question *starting;    /* inside unbound_context_ask(); NULL once resolved() was called */
	int n_asked, asked_max;
	int crowd; /* the most of n_asked since memory was last given back */
};

static void wake(struct unbound *u)
{
	const uint64_t one = 1;

	while (write(u->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

/* The question is gone afterwards. */
static void question_done(struct question *q, const struct dns_backend_answer *answer)
{
	struct unbound *u = q->unbound;
	void *token = q->token;

	free(q);
	u->done(token, answer);
}

static void question_failed(struct question *q, enum dns_why why)
{
	const struct dns_backend_answer answer = { .status = DNS_UNSURE, .why = why };

	question_done(q, &answer);
}

/* A question outstanding costs about 11 kB, a burst of dead servers 20 MB that the allocator would keep for good. */
static bool crowd_is_over(const struct unbound *u)
{
	return u->crowd >= CROWD_LEAST && u->n_asked <= u->crowd / 8;
}

static void give_memory_back(struct unbound *u)
{
	if (!crowd_is_over(u))
		return;
	u->crowd = u->n_asked;
	malloc_trim(0);
}

/* May be called inside unbound_context_ask(), from the event loop, and inside unbound_context_close(). */
static void resolved(void *data, int rcode, void *packet, int octets, int sec, char *why_bogus, int was_ratelimited)
{
	struct question *q = data;
	struct unbound *u = q->unbound;
	const struct dns_backend_answer answer = unbound_context_answer(rcode, packet, octets, sec);

	(void)why_bogus; /* names what was asked, and some names are secret */
	(void)was_ratelimited;
	if (u->starting == q)
		u->starting = NULL;
	TAILQ_REMOVE(&u->asked, q, link);
	u->n_asked--;
	/* That is done from the loop: libunbound is in the middle of its own lists here. */
	if (!TAILQ_EMPTY(&u->waiting) || crowd_is_over(u))
		event_active(u->wake, EV_READ, 0);
	question_done(q, &answer);
}

static void question_start(struct unbound *u, struct question *q)
{
	char name[DNS_NAME_TEXT_MAX];

	if (!dns_name_from_wire(q->wire, q->octets, name)) {
		question_failed(q, DNS_WHY_SERVFAIL);
		return;
	}
	TAILQ_INSERT_TAIL(&u->asked, q, link);
	u->n_asked++;
	u->crowd = u->n_asked > u->crowd ? u->n_asked : u->crowd;
	u->starting = q;
	if (unbound_context_ask(u->ctx, name, q->type, resolved, q) != 0 && u->starting == q) {
		TAILQ_REMOVE(&u->asked, q, link);
		u->n_asked--;
		question_failed(q, DNS_WHY_SERVFAIL);
	}
	u->starting = NULL;
}

/*
 * Start what there is room for. What waited for a port beyond its deadline is not asked any more: nobody waits for it,
 * and behind a few hundred dead servers those in front would keep the port from a living one.
 */
static void start_waiting(struct unbound *u)
{
	clock_ms now = clock_now();

	while (!TAILQ_EMPTY(&u->waiting) && u->n_asked < u->asked_max) {
		struct question *q = TAILQ_FIRST(&u->waiting);

		TAILQ_REMOVE(&u->waiting, q, link);
		if (now - q->asked > u->question_ms)
			question_failed(q, DNS_WHY_SERVFAIL);
		else
			question_start(u, q);
	}
}

static void woken(evutil_socket_t fd, short events, void *data)
{
	struct unbound *u = data;
	uint64_t count;
	bool stopping;

	(void)events;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		log_error("dns: cannot read the resolver's wake-up: %s", strerror(errno));

	pthread_mutex_lock(&u->lock);
	TAILQ_CONCAT(&u->waiting, &u->fresh, link);
	stopping = u->stopping;
	pthread_mutex_unlock(&u->lock);

	if (stopping) {
		event_base_loopbreak(u->base);
		return;
	}
	start_waiting(u);
	give_memory_back(u);
}

static void *resolver_thread(void *data)
{
	struct unbound *u = data;

	event_base_dispatch(u->base);
	return NULL;
}

static void unbound_ask(void *self, const uint8_t *wire_name, size_t wire_octets, enum dns_type type, void *token)
{
	struct unbound *u = self;
	struct question *q = memory_new(sizeof(*q) + wire_octets);

	*q = (struct question){
		.unbound = u, .token = token, .asked = clock_now(), .type = type, .octets = wire_octets
	};
	memcpy(q->wire, wire_name, wire_octets);

	pthread_mutex_lock(&u->lock);
	bool first = TAILQ_EMPTY(&u->fresh);

	TAILQ_INSERT_TAIL(&u->fresh, q, link);
	pthread_mutex_unlock(&u->lock);
	if (first)
		wake(u);
}

static void fail_all(struct question_list *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, q, link);
		question_failed(q, DNS_WHY_SERVFAIL);
	}
}

static void unbound_free(struct unbound *u)
{
	fail_all(&u->fresh);
	fail_all(&u->waiting);
	unbound_context_close(&u->ctx); /* answers some of `asked`, forgets others */
	fail_all(&u->asked);
	if (u->wake != NULL)
		event_free(u->wake);
	if (u->base != NULL)
		event_base_free(u->base);
	if (u->wake_fd >= 0)
		close(u->wake_fd);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static void unbound_close(void *self)
{
	struct unbound *u = self;

	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	pthread_mutex_unlock(&u->lock);
	wake(u);
	pthread_join(u->thread, NULL);
	unbound_free(u);
}

static int thread_start(struct unbound *u, struct err *err)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&u->thread, NULL, resolver_thread, u);

	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_set(err, "cannot start the resolver's thread: %s", strerror(rc));
	pthread_setname_np(u->thread, "dns");
	return 0;
}

static int loop_open(struct unbound *u, struct err *err)
{
	u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->wake_fd < 0)
		return err_set(err, "cannot make an eventfd for the resolver: %s", strerror(errno));
	u->base = event_base_new();
	if (u->base != NULL)
		u->wake = event_new(u->base, u->wake_fd, EV_READ | EV_PERSIST, woken, u);
	if (u->wake == NULL || event_add(u->wake, NULL) != 0)
		return err_set(err, "libevent %s cannot make an event loop", event_get_version());
	return 0;
}

int dns_unbound_open(struct dns_backend *backend, const struct dns_settings *settings, dns_backend_done *done,
                     struct err *err)
{
	struct unbound_plan plan;

	if (unbound_plan_make(&plan, settings, err) != 0)
		return -1;

	struct unbound *u = memory_new(sizeof(*u));

	*u = (struct unbound){
		.done = done, .wake_fd = -1, .question_ms = settings->question_ms, .asked_max = plan.ports
	};
	pthread_mutex_init(&u->lock, NULL);
	TAILQ_INIT(&u->fresh);
	TAILQ_INIT(&u->waiting);
	TAILQ_INIT(&u->asked);
	if (loop_open(u, err) != 0)
		goto fail;
	u->ctx = unbound_context_open(u->base, &plan, settings, err);
	if (u->ctx == NULL || thread_start(u, err) != 0)
		goto fail;
	unbound_plan_report(&plan, settings);
	*backend = (struct dns_backend){ .self = u, .ask = unbound_ask, .close = unbound_close };
	return 0;
fail:
	unbound_free(u);
	return -1;
}

int dns_unbound_check(const struct dns_settings *settings, struct err *err)
{
	struct unbound_plan plan;

	if (unbound_plan_make(&plan, settings, err) != 0)
		return -1;

	struct event_base *base = event_base_new();

	if (base == NULL)
		return err_set(err, "libevent %s cannot make an event loop", event_get_version());

	struct ub_ctx *ctx = unbound_context_open(base, &plan, settings, err);
	const bool works = ctx != NULL;

	unbound_context_close(&ctx);
	event_base_free(base);
	/* A context takes 6 MB: the supervisor, which only checks, would keep them, and each worker inherit them. */
	malloc_trim(0);
	return works ? 0 : -1;
}
