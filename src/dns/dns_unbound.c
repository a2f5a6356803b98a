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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "dns/backend.h"
#include "dns/name.h"
#include "dns/unbound_setup.h"

#define CLASS_IN       1
#define CROWD_LEAST    256 /* questions at a time that leave memory worth giving back */
#define HEADER_OCTETS  12
#define RCODE_NOERROR  0
#define RCODE_NXDOMAIN 3

enum { SEC_BOGUS = 1, SEC_SECURE = 2 }; /* `sec` of libunbound's callback */

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
	struct question *starting;    /* inside ub_resolve_event(); NULL once its callback has fired */
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

/* What libunbound says, in our words. `sec` comes first: a bogus answer looks like any other but for it. */
static struct dns_backend_answer answer_of(int rcode, const uint8_t *packet, int octets, int sec)
{
	struct dns_backend_answer answer = { .status = DNS_UNSURE, .why = DNS_WHY_SERVFAIL };

	if (sec == SEC_BOGUS) {
		answer.why = DNS_WHY_BOGUS;
		return answer;
	}
	if (packet == NULL || octets < HEADER_OCTETS || (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN))
		return answer;

	int said = packet[3] & 0x0f;
	bool records = packet[6] != 0 || packet[7] != 0;

	if (said != RCODE_NOERROR && said != RCODE_NXDOMAIN)
		return answer;
	answer.status = said == RCODE_NOERROR && records ? DNS_FOUND : DNS_NONE;
	answer.why = answer.status == DNS_FOUND ? DNS_WHY_NOTHING
	             : said == RCODE_NXDOMAIN   ? DNS_WHY_NXDOMAIN
	                                        : DNS_WHY_NODATA;
	answer.secure = sec == SEC_SECURE;
	answer.packet = packet;
	answer.packet_octets = (size_t)octets;
	return answer;
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

/* May be called inside ub_resolve_event(), from the event loop, and from ub_ctx_delete(). */
static void resolved(void *data, int rcode, void *packet, int octets, int sec, char *why_bogus, int was_ratelimited)
{
	struct question *q = data;
	struct unbound *u = q->unbound;
	const struct dns_backend_answer answer = answer_of(rcode, packet, octets, sec);

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
	if (ub_resolve_event(u->ctx, name, (int)q->type, CLASS_IN, q, resolved, NULL) != 0 && u->starting == q) {
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
	if (u->ctx != NULL)
		ub_ctx_delete(u->ctx); /* answers some of `asked`, forgets others */
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

/* Older and newer libraries lack an option now and then: the daemon is of more use with a default than not at all. */
static void set_option(struct ub_ctx *ctx, const char *name, const char *value)
{
	if (ub_ctx_set_option(ctx, name, value) != 0)
		log_warning("dns: libunbound %s does not take the option \"%s %s\"; its default is used", ub_version(),
		            name, value);
}

static void set_options(struct ub_ctx *ctx, const struct unbound_option *options)
{
	for (; options->name != NULL; options++)
		set_option(ctx, options->name, options->value);
}

static void set_numbers(struct ub_ctx *ctx, const struct unbound_plan *plan)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", plan->ports);
	set_option(ctx, "outgoing-range:", text);
	snprintf(text, sizeof(text), "%d", UNBOUND_TCP_SLOTS);
	set_option(ctx, "outgoing-num-tcp:", text);
}

static int set_forward(struct ub_ctx *ctx, const struct unbound_plan *plan, struct err *err)
{
	set_options(ctx, unbound_options_forward());
	if (plan->forward_loopback)
		set_option(ctx, "do-not-query-localhost:", "no");
	for (size_t i = 0; i < plan->n_forward; i++) {
		int rc = ub_ctx_set_fwd(ctx, plan->forward[i]);

		if (rc != 0)
			return err_set(err, "dns.forward: libunbound refuses \"%s\": %s", plan->forward[i],
			               ub_strerror(rc));
	}
	return 0;
}

/* Everything but the files' content: zones_open() makes the library read the anchors, context_start() the hints. */
static int configure(struct ub_ctx *ctx, const struct unbound_plan *plan, const char *hints, const char *anchor,
                     struct err *err)
{
	/* Its messages may carry names, and some names are secret; a setting it refuses is told by its return value. */
	ub_ctx_debugout(ctx, NULL);
	set_options(ctx, unbound_options_common());
	set_numbers(ctx, plan);
	set_option(ctx, "module-config:", anchor[0] != '\0' ? "validator iterator" : "iterator");
	if (plan->mode == DNS_MODE_FORWARD && set_forward(ctx, plan, err) != 0)
		return -1;
	if (hints[0] != '\0')
		set_option(ctx, "root-hints:", hints);
	if (anchor[0] != '\0' && ub_ctx_add_ta_file(ctx, anchor) != 0)
		return err_set(err, "dns.trust_anchor: libunbound refuses \"%s\"", anchor);
	return 0;
}

static int zones_open(struct ub_ctx *ctx, struct err *err)
{
	for (const char *const *zone = unbound_zones_open(); *zone != NULL; zone++) {
		int rc = ub_ctx_zone_remove(ctx, *zone);

		if (rc != 0)
			return err_set(err, "libunbound %s cannot be set up: %s", ub_version(), ub_strerror(rc));
	}
	return 0;
}

static void started(void *data, int rcode, void *packet, int octets, int sec, char *why_bogus, int was_ratelimited)
{
	bool *called = data;

	(void)rcode, (void)packet, (void)octets, (void)sec, (void)why_bogus, (void)was_ratelimited;
	*called = true;
}

/* "localhost" is answered inside the library; asking it makes it reserve what it needs now instead of under load. */
static int context_start(struct ub_ctx *ctx, struct err *err)
{
	bool called = false;
	int rc = ub_resolve_event(ctx, "localhost", DNS_A, CLASS_IN, &called, started, NULL);

	if (rc != 0 || !called)
		return err_set(err, "libunbound %s does not start: %s", ub_version(),
		               rc != 0 ? ub_strerror(rc) : "it gives no answer to localhost");
	return 0;
}

/* A context that has read its files and has asked itself for localhost, or NULL. */
static struct ub_ctx *context_open(struct event_base *base, const struct unbound_plan *plan, const char *hints,
                                   const char *anchor, struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create_event(base);

	if (ctx == NULL) {
		err_set(err, "libunbound %s cannot be started", ub_version());
		return NULL;
	}
	if (configure(ctx, plan, hints, anchor, err) == 0 && zones_open(ctx, err) == 0 && context_start(ctx, err) == 0)
		return ctx;
	ub_ctx_delete(ctx);
	return NULL;
}

static bool context_works(struct event_base *base, const struct unbound_plan *plan, const char *hints,
                          const char *anchor)
{
	struct ub_ctx *ctx = context_open(base, plan, hints, anchor, NULL);

	if (ctx != NULL)
		ub_ctx_delete(ctx);
	return ctx != NULL;
}

/* The library says no more than "no": find out which file it means by leaving one out. */
static struct ub_ctx *context_open_explained(struct event_base *base, const struct unbound_plan *plan,
                                             const struct dns_settings *settings, struct err *err)
{
	const char *hints = settings->root_hints != NULL ? settings->root_hints : "";
	const char *anchor = settings->trust_anchor != NULL ? settings->trust_anchor : "";
	struct ub_ctx *ctx = context_open(base, plan, hints, anchor, err);

	if (ctx != NULL)
		return ctx;
	if (anchor[0] != '\0' && context_works(base, plan, hints, ""))
		err_set(err,
		        "dns.trust_anchor: \"%s\" holds no usable trust anchor; right would be DS or DNSKEY records in "
		        "zone file form, as unbound-anchor writes them",
		        anchor);
	else if (hints[0] != '\0' && context_works(base, plan, "", anchor))
		err_set(err,
		        "dns.root_hints: \"%s\" holds no usable root hints; right would be NS records for \".\" and the "
		        "addresses of the servers they name, in zone file form",
		        hints);
	return NULL;
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
	u->ctx = context_open_explained(u->base, &plan, settings, err);
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

	struct ub_ctx *ctx = context_open_explained(base, &plan, settings, err);

	if (ctx != NULL)
		ub_ctx_delete(ctx);
	event_base_free(base);
	/* A context takes 6 MB: the supervisor, which only checks, would keep them, and each worker inherit them. */
	malloc_trim(0);
	return ctx != NULL ? 0 : -1;
}
