/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "daemon/reload.h"
#include "daemon/stats.h"
#include "daemon/workers.h"

#define CLOSE_MS_MIN      2000 /* for what is taken from the backlog at the very end */
#define QUICK_DEATH_MS    1000 /* a worker that lives shorter makes the next one wait */
#define FORK_AGAIN_MS     5000
#define PROGRESS_EVERY_MS 60000
#define NEVER             WORKERS_NEVER

enum stage_of_life {
	LIFE_STARTING, /* the first worker is not ready yet */
	LIFE_SERVING,
	LIFE_STOPPING, /* serving on while sessions finish */
	LIFE_CLOSING,  /* the socket is given up */
};

struct supervisor {
	const struct supervisor_start *start;
	enum stage_of_life life;
	struct workers workers;
	struct reload reload;
	int signal_fd;
	unsigned quick_deaths; /* in a row */
	clock_ms respawn_at;   /* NEVER: a worker serves, or starts */
	clock_ms stop_until;   /* sessions may run till then */
	clock_ms progress_at;
	unsigned stop_signals;
	bool failed; /* the first worker did not become ready */
	struct err *err;
};

/* ---- workers ---- */

/* What is the supervisor's own, and would live on in the worker. */
static void drop_own(void *context)
{
	const struct supervisor *supervisor = context;

	close(supervisor->signal_fd);
	metrics_drop(supervisor->start->metrics);
	supervisor->start->in_worker(supervisor->start->context);
}

static struct worker_entry *start_worker(void *context, const struct setup *setup, struct err *err)
{
	struct supervisor *supervisor = context;
	struct worker_start start = {
		.setup = setup,
		.listen_fd = listener_fd(*supervisor->start->listener),
		.no_kick = supervisor->start->options->no_kick,
		.no_fd_conn = supervisor->start->options->no_fd_conn,
	};

	engine_name_facts(setup->engine, supervisor->start->counters);
	return workers_start(&supervisor->workers, &start, drop_own, supervisor, err);
}

static void status_notify(struct supervisor *supervisor, bool ready)
{
	notify_serving(supervisor->start->notify, ready, supervisor->reload.setup->digest,
	               workers_count(&supervisor->workers, WORKER_DRAINING));
}

static void respawn_schedule(struct supervisor *supervisor, clock_ms lived_ms)
{
	clock_ms delay;

	supervisor->quick_deaths = lived_ms < QUICK_DEATH_MS ? supervisor->quick_deaths + 1 : 0;
	delay = workers_respawn_delay_ms(supervisor->quick_deaths);
	supervisor->respawn_at = clock_now() + delay;
	if (delay)
		log_warning("workers die quickly: the next one starts in %lld ms", (long long)delay);
}

static void respawn(struct supervisor *supervisor)
{
	struct err err = { "" };

	supervisor->respawn_at = NEVER;
	if (start_worker(supervisor, supervisor->reload.setup, &err)) {
		counters_add(&(struct tally){ supervisor->start->counters, 0 }, COUNTER_WORKERS_RESTARTED, 1);
		return;
	}
	log_error("cannot replace the worker: %s", err.text);
	supervisor->respawn_at = clock_now() + FORK_AGAIN_MS;
}

static void candidate_failed(struct supervisor *supervisor, const char *why)
{
	reload_fail(&supervisor->reload, why);
	if (workers_active(&supervisor->workers) == 0)
		supervisor->respawn_at = clock_now();
}

/* ---- stop ---- */

/* Give the socket up. The worker takes what still waits in its backlog. */
static void close_begin(struct supervisor *supervisor)
{
	const clock_ms now = clock_now();
	clock_ms limit = supervisor->stop_until - now;

	supervisor->life = LIFE_CLOSING;
	listener_close(supervisor->start->listener);
	if (limit < CLOSE_MS_MIN && supervisor->stop_signals < 3)
		limit = CLOSE_MS_MIN;
	if (limit < 0)
		limit = 0;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &supervisor->workers.entries[i];
		if (entry->state == WORKER_SERVING)
			workers_tell(entry, CONTROL_CLOSE, limit);
		else if (entry->state == WORKER_DRAINING)
			workers_tell(entry, CONTROL_DRAIN, limit);
	}
}

/* SIGTERM or SIGINT; the first one gives sessions drain_s, the second two seconds, the third nothing. */
static void stop_begin(struct supervisor *supervisor)
{
	static const clock_ms hurry_ms[] = { CLOSE_MS_MIN, 0 };
	const clock_ms now = clock_now();
	clock_ms limit = (clock_ms)supervisor->reload.setup->daemon.drain_s * 1000;

	supervisor->stop_signals++;
	if (supervisor->stop_signals > 1)
		limit = clock_min(limit, hurry_ms[supervisor->stop_signals > 2]);
	supervisor->stop_until = supervisor->stop_signals > 1 ? clock_min(supervisor->stop_until, now + limit)
	                                                      : now + limit;
	notify_send(supervisor->start->notify,
	            "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\nSTATUS=finishing the sessions that run",
	            (long long)(limit + 4 * CLOSE_MS_MIN) * 1000);
	log_info(supervisor->stop_signals == 1 ? "stopping: running sessions have %lld s"
	                                       : "told again to stop: running sessions have %lld s",
	         (long long)limit / 1000);
	if (supervisor->stop_signals > 1) {
		close_begin(supervisor);
		return;
	}
	supervisor->life = LIFE_STOPPING;
	supervisor->progress_at = now + PROGRESS_EVERY_MS;
	supervisor->respawn_at = NEVER;
	supervisor->reload.wanted = false;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &supervisor->workers.entries[i];
		entry->sessions = 1; /* until it tells */
		if (entry->state == WORKER_STARTING)
			workers_kill(entry);
		else if (entry->state != WORKER_NONE)
			workers_tell(entry, entry->state == WORKER_SERVING ? CONTROL_STOP : CONTROL_DRAIN, limit);
	}
}

/* Nothing would be cut off by giving the socket up now. */
static bool all_quiet(const struct supervisor *supervisor)
{
	/* Of a worker that dies now no replacement is started: what it had to finish died with it. Were the socket
	 * kept while older workers drain, the MTA would take it for alive, and wait for an answer in vain. */
	if (workers_active(&supervisor->workers) == 0)
		return true;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		const struct worker_entry *entry = &supervisor->workers.entries[i];
		if (entry->state == WORKER_DRAINING || (entry->state == WORKER_SERVING && entry->sessions))
			return false;
	}
	return true;
}

/* ---- what happens ---- */

static void on_ready(struct supervisor *supervisor, struct worker_entry *entry)
{
	if (entry->state != WORKER_STARTING || entry->killed)
		return;
	entry->state = WORKER_SERVING;
	entry->kill_at = NEVER;
	if (entry->candidate) {
		reload_take_over(&supervisor->reload, entry);
		return;
	}
	if (supervisor->life == LIFE_STARTING) {
		supervisor->life = LIFE_SERVING;
		log_info("started: worker %ld serves on %s with cfg=%04x", (long)entry->pid,
		         listener_name(*supervisor->start->listener), supervisor->reload.setup->digest);
		supervisor->start->ready(supervisor->start->context);
		notify_send(supervisor->start->notify, "MAINPID=%ld", (long)getpid());
	} else {
		log_info("replaced: worker %ld serves with cfg=%04x", (long)entry->pid, entry->digest);
	}
	status_notify(supervisor, true);
}

static void on_failed(struct supervisor *supervisor, struct worker_entry *entry, const char *why)
{
	entry->killed = true; /* it says itself why it ends */
	if (entry->candidate) {
		entry->candidate = false;
		entry->state = WORKER_DRAINING;
		candidate_failed(supervisor, why);
	} else if (supervisor->life == LIFE_STARTING) {
		supervisor->failed = true;
		err_set(supervisor->err, "the worker did not become ready: %s", why);
	} else {
		log_error("a new worker cannot serve: %s", why);
	}
}

static void on_control(struct supervisor *supervisor, struct worker_entry *entry)
{
	struct control_message message;
	enum control_status status = CONTROL_NOTHING;

	while (entry->control_fd >= 0 && (status = control_receive(entry->control_fd, &message)) == CONTROL_MESSAGE) {
		if (message.kind == CONTROL_READY)
			on_ready(supervisor, entry);
		else if (message.kind == CONTROL_FAILED)
			on_failed(supervisor, entry, message.text);
		else if (message.kind == CONTROL_LEFT)
			entry->left = true;
		else if (message.kind == CONTROL_SESSIONS)
			entry->sessions = (unsigned)message.value;
	}
	if (status == CONTROL_ENDED) {
		close(entry->control_fd);
		entry->control_fd = -1;
	}
}

static void on_death(struct supervisor *supervisor, struct worker_entry *entry, int status)
{
	const bool was_active = entry->state == WORKER_STARTING || entry->state == WORKER_SERVING;
	const bool was_candidate = entry->candidate;
	const clock_ms lived = clock_now() - entry->started_ms;

	workers_bury(&supervisor->workers, entry, status);
	if (supervisor->life == LIFE_STARTING && !supervisor->failed) {
		supervisor->failed = true;
		err_set(supervisor->err, "the worker died before it was ready");
	} else if (was_candidate && supervisor->life == LIFE_SERVING) {
		candidate_failed(supervisor, "it died");
	} else if (supervisor->life == LIFE_SERVING) {
		if (was_active && workers_active(&supervisor->workers) == 0 && supervisor->respawn_at == NEVER)
			respawn_schedule(supervisor, lived);
		status_notify(supervisor, false);
	}
}

static void bury_the_dead(struct supervisor *supervisor)
{
	struct worker_entry *entry;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		entry = metrics_died(supervisor->start->metrics, pid, status) ? NULL
		                                                              : workers_find(&supervisor->workers, pid);
		if (!entry)
			continue;
		on_control(supervisor, entry); /* its last words first */
		on_death(supervisor, entry, status);
	}
}

static void on_signal(struct supervisor *supervisor, int number)
{
	switch (number) {
	case SIGHUP:
		supervisor->reload.wanted = supervisor->life <= LIFE_SERVING;
		break;
	case SIGUSR1:
		stats_log(supervisor->start->counters);
		break;
	case SIGCHLD:
		bury_the_dead(supervisor);
		break;
	default:
		stop_begin(supervisor);
		break;
	}
}

static void read_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(supervisor, (int)info.ssi_signo);
}

/* Whatever the clock or the state of things makes due. */
static void do_what_is_due(struct supervisor *supervisor)
{
	const clock_ms now = clock_now();

	workers_kill_late(&supervisor->workers);
	reload_finish(&supervisor->reload, now);
	if (supervisor->life == LIFE_SERVING && reload_is_due(&supervisor->reload) &&
	    reload_begin(&supervisor->reload, start_worker, supervisor))
		supervisor->respawn_at = NEVER;
	if (supervisor->life == LIFE_SERVING && now >= supervisor->respawn_at)
		respawn(supervisor);
	if (supervisor->life == LIFE_STOPPING && (all_quiet(supervisor) || now >= supervisor->stop_until))
		close_begin(supervisor);
	metrics_run(supervisor->start->metrics, supervisor->start->in_worker, supervisor->start->context);
	if (now >= supervisor->progress_at) {
		workers_log_progress(&supervisor->workers, supervisor->life >= LIFE_STOPPING);
		supervisor->progress_at = now + PROGRESS_EVERY_MS;
	}
}

/* How things stand, for those who ask the process that serves the counters. */
static void publish(const struct supervisor *supervisor)
{
	enum counters_life life = COUNTERS_LIFE_SERVING;

	if (supervisor->life == LIFE_STARTING)
		life = COUNTERS_LIFE_STARTING;
	else if (supervisor->life == LIFE_CLOSING)
		life = COUNTERS_LIFE_STOPPING;
	else if (supervisor->respawn_at != NEVER)
		life = COUNTERS_LIFE_WAITING;
	else if (workers_count(&supervisor->workers, WORKER_SERVING) == 0)
		life = COUNTERS_LIFE_REPLACING;
	workers_publish(&supervisor->workers, life, supervisor->reload.setup->digest);
}

static int next_timeout(const struct supervisor *supervisor)
{
	const clock_ms now = clock_now();
	clock_ms next = clock_min(workers_next_late(&supervisor->workers), supervisor->respawn_at);

	next = clock_min(clock_min(next, supervisor->reload.takeover_until), supervisor->progress_at);
	next = clock_min(next, metrics_next(supervisor->start->metrics));
	if (supervisor->life == LIFE_STOPPING)
		next = clock_min(next, supervisor->stop_until);
	next = next <= now ? 0 : next - now;
	return (int)clock_min(next, PROGRESS_EVERY_MS);
}

static void wait_for_something(struct supervisor *supervisor)
{
	struct pollfd fds[1 + WORKERS_MAX] = { { .fd = supervisor->signal_fd, .events = POLLIN } };
	nfds_t n = 1;

	/* No more than there are: poll() refuses an array longer than the limit on descriptors, however low it is. */
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		const struct worker_entry *entry = &supervisor->workers.entries[i];
		if (entry->state != WORKER_NONE && entry->control_fd >= 0)
			fds[n++] = (struct pollfd){ .fd = entry->control_fd, .events = POLLIN };
	}
	if (poll(fds, n, next_timeout(supervisor)) <= 0)
		return;
	/* All of them, and before the signals: what a worker said before a signal came counts. */
	for (size_t i = 0; i < WORKERS_MAX; i++)
		on_control(supervisor, &supervisor->workers.entries[i]);
	read_signals(supervisor);
}

/* ---- begin and end ---- */

static bool is_over(const struct supervisor *supervisor)
{
	const bool nobody = workers_active(&supervisor->workers) == 0 &&
	                    workers_count(&supervisor->workers, WORKER_DRAINING) == 0;

	return supervisor->failed || (supervisor->life >= LIFE_STOPPING && nobody);
}

enum exit_code supervisor_run(const struct supervisor_start *start, struct err *err)
{
	struct supervisor supervisor = {
		.start = start,
		.respawn_at = NEVER,
		.progress_at = clock_now() + PROGRESS_EVERY_MS,
		.err = err,
	};

	workers_open(&supervisor.workers, start->counters);
	reload_open(&supervisor.reload, start, &supervisor.workers);
	metrics_change(start->metrics);
	supervisor.signal_fd = control_signals_open(err);
	if (supervisor.signal_fd < 0 || !start_worker(&supervisor, start->setup, err))
		return EXIT_OS_TROUBLE;
	while (!is_over(&supervisor)) {
		wait_for_something(&supervisor);
		do_what_is_due(&supervisor);
		publish(&supervisor);
	}
	workers_end(&supervisor.workers); /* only after a start that failed is anybody left */
	reload_close(&supervisor.reload);
	close(supervisor.signal_fd);
	if (supervisor.failed)
		return EXIT_TRY_AGAIN;
	stats_log(start->counters);
	log_info("stopped");
	return EXIT_FINE;
}
