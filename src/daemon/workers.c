/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/workers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define DRAINING_MAX     8
#define READY_LIMIT_MS   60000 /* a new worker must be ready by then */
#define END_GRACE_MS     5000  /* over the limit that a worker was told */
#define RESPAWN_FIRST_MS 100
#define RESPAWN_MAX_MS   5000

_Static_assert(WORKERS_MAX <= COUNTERS_SEATS, "each worker has its seat");

void workers_open(struct workers *workers, struct counters *counters)
{
	workers->counters = counters;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		workers->entries[i] = (struct worker_entry){ .control_fd = -1 };
}

static struct worker_entry *free_entry(struct workers *workers)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->entries[i].state == WORKER_NONE)
			return &workers->entries[i];
	return NULL;
}

/* A worker that held the supervisor's end of another one's control socket would keep that one from seeing the
 * supervisor's death. */
static void close_control_ends(const struct workers *workers)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->entries[i].state != WORKER_NONE && workers->entries[i].control_fd >= 0)
			close(workers->entries[i].control_fd);
}

struct worker_entry *workers_start(struct workers *workers, struct worker_start *start, void (*in_child)(void *context),
                                   void *context, struct err *err)
{
	struct worker_entry *entry = free_entry(workers);
	const struct tally *tally = &start->tally;
	int ends[2];
	pid_t pid;

	if (!entry) {
		err_set(err, "%d workers are still finishing their sessions", WORKERS_MAX);
		return NULL;
	}
	start->tally = (struct tally){ workers->counters, (unsigned)(entry - workers->entries) };
	if (control_open(ends, err))
		return NULL;
	pid = fork();
	if (pid < 0) {
		err_set(err, "fork: %s", strerror(errno));
		close(ends[0]);
		close(ends[1]);
		return NULL;
	}
	if (pid == 0) {
		close(ends[0]);
		close_control_ends(workers);
		in_child(context);
		start->control_fd = ends[1];
		worker_run(start);
	}
	close(ends[1]);
	counters_add(tally, COUNTER_WORKERS_STARTED, 1);
	*entry = (struct worker_entry){
		.state = WORKER_STARTING,
		.pid = pid,
		.control_fd = ends[0],
		.digest = start->setup->digest,
		.started_ms = clock_now(),
		.kill_at = clock_now() + READY_LIMIT_MS,
	};
	return entry;
}

size_t workers_count(const struct workers *workers, enum worker_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < WORKERS_MAX; i++)
		n += workers->entries[i].state == state;
	return n;
}

size_t workers_active(const struct workers *workers)
{
	return workers_count(workers, WORKER_STARTING) + workers_count(workers, WORKER_SERVING);
}

clock_ms workers_respawn_delay_ms(unsigned quick_deaths)
{
	clock_ms delay = quick_deaths > 1 ? RESPAWN_FIRST_MS : 0;

	for (unsigned i = 2; i < quick_deaths && delay < RESPAWN_MAX_MS; i++)
		delay *= 2;
	return clock_min(delay, RESPAWN_MAX_MS);
}

void workers_tell(struct worker_entry *entry, enum control_kind kind, clock_ms limit_ms)
{
	const clock_ms now = clock_now();

	/* Not heard: it is about to be buried, or it hangs and kill_at ends it. */
	(void)control_send(entry->control_fd, kind, (int32_t)limit_ms, NULL);
	if (kind == CONTROL_DRAIN && entry->state != WORKER_DRAINING) {
		entry->state = WORKER_DRAINING;
		entry->draining_ms = now;
	}
	/* While it only stops, the supervisor's CLOSE is still to come. */
	entry->kill_at = now + limit_ms + END_GRACE_MS + (kind == CONTROL_STOP ? END_GRACE_MS : 0);
}

/* How many drain and were not told to hurry, and which of them does so for longest (NULL: there is none). */
static size_t unhurried(struct workers *workers, struct worker_entry **oldest)
{
	size_t n = 0;

	*oldest = NULL;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &workers->entries[i];
		if (entry->state != WORKER_DRAINING || entry->hurried)
			continue;
		n++;
		if (!*oldest || entry->draining_ms < (*oldest)->draining_ms)
			*oldest = entry;
	}
	return n;
}

void workers_hurry_oldest(struct workers *workers, int limit_s)
{
	struct worker_entry *oldest;

	if (unhurried(workers, &oldest) <= DRAINING_MAX)
		return;
	log_warning("more than %d workers finish sessions from before a reload: worker %ld has %d s left", DRAINING_MAX,
	            (long)oldest->pid, limit_s);
	oldest->hurried = true;
	workers_tell(oldest, CONTROL_DRAIN, (clock_ms)limit_s * 1000);
}

bool workers_have_left(const struct workers *workers)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->entries[i].state == WORKER_DRAINING && !workers->entries[i].left)
			return false;
	return true;
}

void workers_kill(struct worker_entry *entry)
{
	entry->killed = true;
	entry->kill_at = WORKERS_NEVER;
	(void)kill(entry->pid, SIGKILL);
}

struct worker_entry *workers_find(struct workers *workers, pid_t pid)
{
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->entries[i].state != WORKER_NONE && workers->entries[i].pid == pid)
			return &workers->entries[i];
	return NULL;
}

/* Say how it ended, when that is news. */
static void log_death(const struct worker_entry *entry, int status)
{
	const char *what = entry->state == WORKER_DRAINING ? "draining worker" : "worker";

	if (WIFSIGNALED(status) && !entry->killed)
		log_error("%s %ld died of signal %d (%s)%s", what, (long)entry->pid, WTERMSIG(status),
		          strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", leaving a core file" : "");
	else if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_FINE && !entry->killed)
		log_error("%s %ld ended with exit status %d", what, (long)entry->pid, WEXITSTATUS(status));
	else if (entry->state == WORKER_DRAINING && !entry->killed)
		log_info("draining finished: worker %ld (cfg=%04x) has ended", (long)entry->pid, entry->digest);
}

void workers_bury(struct workers *workers, struct worker_entry *entry, int status)
{
	const unsigned seat = (unsigned)(entry - workers->entries);

	log_death(entry, status);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_FINE)
		counters_add(&(struct tally){ workers->counters, seat }, COUNTER_WORKERS_DIED, 1);
	counters_clear_seat(workers->counters, seat);
	if (entry->control_fd >= 0)
		close(entry->control_fd);
	*entry = (struct worker_entry){ .control_fd = -1 };
}

clock_ms workers_next_late(const struct workers *workers)
{
	clock_ms next = WORKERS_NEVER;

	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers->entries[i].state != WORKER_NONE)
			next = clock_min(next, workers->entries[i].kill_at);
	return next;
}

void workers_kill_late(struct workers *workers)
{
	const clock_ms now = clock_now();

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &workers->entries[i];
		if (entry->state == WORKER_NONE || now < entry->kill_at)
			continue;
		log_error("worker %ld %s: killed", (long)entry->pid,
		          entry->state == WORKER_STARTING ? "did not become ready in time" : "did not end in time");
		workers_kill(entry);
	}
}

void workers_log_progress(const struct workers *workers, bool stopping)
{
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		const struct worker_entry *entry = &workers->entries[i];
		if (entry->state == WORKER_DRAINING || (entry->state == WORKER_SERVING && stopping))
			log_info("worker %ld (cfg=%04x) is still finishing %u sessions", (long)entry->pid,
			         entry->digest, entry->sessions);
	}
}

void workers_end(struct workers *workers)
{
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &workers->entries[i];
		int status = 0;
		if (entry->state == WORKER_NONE)
			continue;
		workers_kill(entry);
		(void)waitpid(entry->pid, &status, 0);
		workers_bury(workers, entry, status);
	}
}

void workers_publish(const struct workers *workers, enum counters_life life, uint16_t digest)
{
	const struct counters_state state = {
		.life = life,
		.starting = (unsigned)workers_count(workers, WORKER_STARTING),
		.serving = (unsigned)workers_count(workers, WORKER_SERVING),
		.draining = (unsigned)workers_count(workers, WORKER_DRAINING),
		.digest = digest,
	};

	counters_set_state(workers->counters, &state);
}
