/* SPDX-License-Identifier: BSD-2-Clause */
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "timers.h"

#define NS_A_SECOND 1000000000LL
#define EVENTS      256
#define SWEEP_NS    (NS_A_SECOND / 4) /* how often patience is looked at */
#define OPENING_MAX 64                /* idle sessions on their way at once */
#define FILES_SPARE 64

struct driver {
	struct session_world world;
	struct session *sessions; /* first those for messages, then the idle ones */
	struct session **free;    /* those of the first that are over */
	size_t n_sessions, n_free, n_idle;
	struct timers timers;
	int epoll_fd;
	bool coarse; /* the kernel has no epoll_pwait2 */
	int64_t sweep_ns;
};

int64_t driver_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_A_SECOND + now.tv_nsec;
}

/* ---- begin and end ---- */

static int raise_files(size_t wanted, struct err *err)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < wanted)
		return err_set(err, "%zu open files are needed and %llu allowed: ulimit -n", wanted,
		               (unsigned long long)limit.rlim_cur);
	return 0;
}

struct driver *driver_open(const struct load_options *options, const struct load_lists *lists, struct err *err)
{
	const size_t n = options->connections + options->idle;
	struct socket_address address;

	if (socket_address_parse(&address, options->socket, err) || raise_files(n + FILES_SPARE, err))
		return NULL;
	const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0) {
		err_set(err, "epoll_create1: %s", strerror(errno));
		return NULL;
	}
	struct driver *driver = load_memory(NULL, sizeof(*driver));
	*driver = (struct driver){
		.world = { .options = options, .lists = lists, .address = address },
		.sessions = load_memory(NULL, n * sizeof(struct session)),
		.free = load_memory(NULL, options->connections * sizeof(struct session *)),
		.n_sessions = n,
		.n_free = options->connections,
		.n_idle = options->idle,
		.epoll_fd = epoll_fd,
	};
	memset(driver->sessions, 0, n * sizeof(struct session));
	for (size_t i = 0; i < n; i++)
		driver->sessions[i].fd = -1;
	for (size_t i = 0; i < driver->n_free; i++)
		driver->free[i] = &driver->sessions[i];
	return driver;
}

void driver_close(struct driver **driver)
{
	struct driver *old = *driver;

	if (!old)
		return;
	for (size_t i = 0; i < old->n_sessions; i++)
		session_free(&old->sessions[i]);
	for (size_t i = 0; i < old->world.n_plans; i++)
		free(old->world.plans[i]);
	timers_close(&old->timers);
	close(old->epoll_fd);
	free(old->sessions);
	free(old->free);
	free(old);
	*driver = NULL;
}

/* ---- one session ---- */

static bool is_idle_one(const struct driver *driver, const struct session *session)
{
	return session >= driver->sessions + (driver->n_sessions - driver->n_idle);
}

/* Behind each call that moved a session: `old_fd` is the socket that it had before. */
static void settle(struct driver *driver, struct session *session, int old_fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = session };

	if (session->state != SESSION_OVER && session->fd >= 0 && session->fd != old_fd)
		(void)epoll_ctl(driver->epoll_fd, EPOLL_CTL_ADD, session->fd, &event);
	if (session->state == SESSION_SLEEP)
		timers_add(&driver->timers, session);
	else if (session->state == SESSION_OVER && !is_idle_one(driver, session))
		driver->free[driver->n_free++] = session;
}

static void begin(struct driver *driver, struct session *session, bool held, int64_t due_ns, int64_t now_ns)
{
	session_begin(session, &driver->world, held, due_ns, now_ns);
	settle(driver, session, -1);
}

static void on_event(struct driver *driver, struct session *session)
{
	const bool slept = session->state == SESSION_SLEEP;

	if (session->state == SESSION_OVER)
		return;
	session_ready(session, &driver->world, driver_now_ns());
	if (slept && session->state == SESSION_SLEEP)
		return; /* still in the heap */
	if (slept)
		session->gone = true; /* taken out of the heap when its time comes */
	else
		settle(driver, session, session->fd);
}

static void wake_due(struct driver *driver, int64_t now_ns)
{
	struct session *session;

	while ((session = timers_take(&driver->timers, now_ns)) != NULL) {
		const int old_fd = session->fd;
		if (session->gone)
			session->gone = false;
		else
			session_wake(session, &driver->world, driver_now_ns());
		settle(driver, session, old_fd);
	}
}

static void sweep(struct driver *driver, int64_t now_ns)
{
	const int64_t patience_ns = driver->world.options->patience_ns;

	if (now_ns < driver->sweep_ns)
		return;
	driver->sweep_ns = now_ns + SWEEP_NS;
	for (size_t i = 0; i < driver->n_sessions; i++) {
		struct session *session = &driver->sessions[i];
		if (session->state == SESSION_IO && now_ns - session->begin_ns > patience_ns) {
			session_expire(session, &driver->world, now_ns);
			settle(driver, session, session->fd);
		}
	}
}

/* ---- all of them ---- */

static int wait_events(struct driver *driver, struct epoll_event *events, int64_t until_ns)
{
	int64_t span_ns = until_ns - driver_now_ns();

	if (span_ns < 0)
		span_ns = 0;
	if (span_ns > SWEEP_NS)
		span_ns = SWEEP_NS;
	const struct timespec span = { .tv_sec = span_ns / NS_A_SECOND, .tv_nsec = span_ns % NS_A_SECOND };
	int n = driver->coarse ? -1 : epoll_pwait2(driver->epoll_fd, events, EVENTS, &span, NULL);
	if (n < 0 && (driver->coarse || errno == ENOSYS)) {
		driver->coarse = true;
		n = epoll_wait(driver->epoll_fd, events, EVENTS, (int)((span_ns + 999999) / 1000000));
	}
	return n;
}

/* Serve what comes until a point of time, or until something came. */
static void turn(struct driver *driver, int64_t until_ns)
{
	struct epoll_event events[EVENTS];
	const int64_t next_ns = timers_next(&driver->timers);
	const int n = wait_events(driver, events, next_ns < until_ns ? next_ns : until_ns);

	for (int i = 0; i < n; i++)
		on_event(driver, events[i].data.ptr);
	const int64_t now_ns = driver_now_ns();
	wake_due(driver, now_ns);
	sweep(driver, now_ns);
}

struct schedule {
	int64_t begin_ns, end_ns; /* what is due from end_ns on does not begin */
	int64_t last_ns;          /* nothing begins any more, late as it may be */
	double interval_ns;       /* between sessions; 0: no schedule */
	uint64_t sessions;        /* that have begun */
};

static struct schedule make_schedule(const struct driver *driver, const struct driver_limits *limits)
{
	struct schedule schedule = { .begin_ns = driver_now_ns(), .end_ns = INT64_MAX, .last_ns = INT64_MAX };

	if (limits->seconds > 0)
		schedule.end_ns = schedule.begin_ns + (int64_t)(limits->seconds * (double)NS_A_SECOND);
	if (limits->seconds > 0)
		schedule.last_ns = schedule.end_ns + (limits->rate > 0 ? driver->world.options->patience_ns : 0);
	if (limits->rate > 0)
		schedule.interval_ns = (double)NS_A_SECOND / limits->rate * driver->world.options->messages_per_session;
	return schedule;
}

/* When the next session should begin; with a schedule this may have passed. */
static int64_t next_due(const struct schedule *schedule, int64_t now_ns)
{
	if (schedule->interval_ns <= 0)
		return now_ns;
	return schedule->begin_ns + (int64_t)(schedule->interval_ns * (double)schedule->sessions);
}

/* Begin what is due. Returns when the next one is; INT64_MAX: when a connection is free, or never. */
static int64_t begin_due(struct driver *driver, struct schedule *schedule)
{
	/* Each at most once, so that sessions that end at once leave the others their turn. */
	for (size_t room = driver->n_free; room; room--) {
		const int64_t now_ns = driver_now_ns(), due_ns = next_due(schedule, now_ns);
		if (driver->world.messages_left == 0 || due_ns >= schedule->end_ns)
			driver->world.over = true;
		if (driver->world.over)
			return INT64_MAX;
		if (due_ns > now_ns)
			return due_ns;
		schedule->sessions++;
		begin(driver, driver->free[--driver->n_free], false, due_ns, now_ns);
	}
	return driver->n_free ? next_due(schedule, 0) : INT64_MAX;
}

int64_t driver_run(struct driver *driver, const struct driver_limits *limits, struct load_stats *stats)
{
	struct schedule schedule = make_schedule(driver, limits);
	struct session_world *world = &driver->world;

	world->stats = stats;
	world->messages_left = limits->messages ? limits->messages : UINT64_MAX;
	world->over = false;
	while (!world->over || driver->n_free < world->options->connections) {
		if (driver_now_ns() >= schedule.last_ns)
			world->over = true;
		const int64_t due_ns = world->over ? INT64_MAX : begin_due(driver, &schedule);
		if (driver->n_free == world->options->connections && world->over)
			break;
		turn(driver, due_ns);
	}
	return driver_now_ns() - schedule.begin_ns;
}

/* ---- idle ones ---- */

static unsigned count_held(const struct driver *driver, unsigned *opening)
{
	unsigned held = 0;

	*opening = 0;
	for (size_t i = driver->n_sessions - driver->n_idle; i < driver->n_sessions; i++) {
		held += driver->sessions[i].state == SESSION_HELD;
		*opening += driver->sessions[i].state == SESSION_IO || driver->sessions[i].state == SESSION_SLEEP;
	}
	return held;
}

unsigned driver_hold(struct driver *driver, unsigned n, struct load_stats *stats)
{
	const size_t first = driver->n_sessions - driver->n_idle;
	unsigned begun = 0, opening = 0, held = 0;

	driver->world.stats = stats;
	do {
		for (; begun < n && opening < OPENING_MAX; opening++) {
			const int64_t now_ns = driver_now_ns();
			begin(driver, &driver->sessions[first + begun++], true, now_ns, now_ns);
		}
		turn(driver, INT64_MAX);
		held = count_held(driver, &opening);
	} while (opening || begun < n);
	return held;
}

unsigned driver_wait(struct driver *driver, double seconds, struct load_stats *stats)
{
	const int64_t end_ns = driver_now_ns() + (int64_t)(seconds * (double)NS_A_SECOND);
	unsigned opening;

	driver->world.stats = stats;
	while (driver_now_ns() < end_ns)
		turn(driver, end_ns);
	return count_held(driver, &opening);
}
