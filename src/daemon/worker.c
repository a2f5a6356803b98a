/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/sandbox.h"
#include "milter/milter.h"

#define LOOK_EVERY_MS   50 /* libmilter does not tell when a session ends */
#define ORPHAN_CLOSE_MS 1000
#define QUIET_LOOKS     2 /* so many looks in a row must see nothing: libmilter may be about to accept() */

enum phase {
	PHASE_SERVING,
	PHASE_STOPPING, /* serving, while the supervisor waits for the sessions to end */
	PHASE_CLOSING,  /* serving, until the shared socket's backlog is empty */
	PHASE_DRAINING, /* away from the shared socket: the sessions that are left */
};

struct worker {
	const struct worker_start *start;
	enum phase phase;
	clock_ms until;       /* no session runs longer; from STOPPING on */
	clock_ms close_until; /* while CLOSING: the shared socket is left by then */
	unsigned quiet;       /* looks in a row that saw nothing */
	unsigned told;        /* sessions, as last told to the supervisor */
	int ended_fd;         /* readable when libmilter has returned */
};

/*
 * Ignored and not blocked in the first thread: the kernel then drops such a signal when it is sent, so that libmilter's
 * thread, which waits for them with sigwait(), never gets one.
 */
static void signals_set(void)
{
	static const int ignored[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTTOU };
	sigset_t none;

	for (size_t i = 0; i < COUNT(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void worker_fail(const struct worker *worker, const struct err *err)
{
	(void)control_send(worker->start->control_fd, CONTROL_FAILED, 0, err->text);
	_exit(EXIT_TRY_AGAIN);
}

/* Sessions of libmilter's pool may still be at work: nothing is torn down, the process just ends. */
static _Noreturn void worker_end(const struct worker *worker, enum exit_code code)
{
	const unsigned sessions = milter_sessions();

	if (sessions && worker->phase == PHASE_DRAINING)
		log_warning("%u sessions did not finish in time and are broken off", sessions);
	_exit((int)code);
}

/* Before the first thread: each that is created later inherits it. Without it we serve all the same. */
static void confine(const struct setup *setup)
{
	struct err err = { "" };

	if (setup->daemon.seccomp && sandbox_apply(SANDBOX_WORKER, &err))
		log_warning("seccomp = true: the worker serves unconfined: %s", err.text);
}

static void *milter_thread(void *context)
{
	const struct worker *worker = context;
	const uint64_t one = 1;

	(void)milter_run();
	(void)!write(worker->ended_fd, &one, sizeof(one));
	return NULL;
}

static void start_serving(struct worker *worker)
{
	const struct worker_start *start = worker->start;
	char private_dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const struct milter_start milter = {
		.engine = start->setup->engine,
		.headers = &start->setup->headers,
		.listen_fd = start->listen_fd,
		.no_kick = start->no_kick,
		.no_fd_conn = start->no_fd_conn,
		.private_dir = private_dir,
		.idle_timeout_s = start->setup->daemon.idle_timeout_s,
		.tally = start->tally,
	};
	pthread_t thread;
	struct err err = { "" };
	int error;

	listener_directory(&start->setup->address, private_dir, sizeof(private_dir));
	worker->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->ended_fd < 0) {
		err_set(&err, "eventfd: %s", strerror(errno));
		worker_fail(worker, &err);
	}
	engine_set_tally(start->setup->engine, &start->tally);
	if (engine_start(start->setup->engine, &err) || milter_open(&milter, &err))
		worker_fail(worker, &err);
	/* Before anybody is served: whoever sees a session may take it that the supervisor knows us. */
	(void)control_send(start->control_fd, CONTROL_READY, 0, NULL);
	error = pthread_create(&thread, NULL, milter_thread, worker);
	if (error) {
		err_set(&err, "pthread_create: %s", strerror(error));
		worker_fail(worker, &err);
	}
	(void)pthread_detach(thread);
}

/*
 * Leave the shared socket. Where libmilter could be handed our descriptor it now has a private socket under that
 * number; else the number is still the shared socket, which nobody here would ever accept from: it must not look alive.
 */
static void detach(struct worker *worker)
{
	const int fd = worker->start->listen_fd;
	struct stat before, after;
	struct err err = { "" };

	if (worker->phase == PHASE_DRAINING)
		return;
	if (fstat(fd, &before) || milter_detach(&err)) {
		log_error("cannot leave the shared socket: %s", err.text);
		worker_end(worker, EXIT_OS_TROUBLE);
	}
	if (fstat(fd, &after) == 0 && before.st_ino == after.st_ino)
		close(fd);
	worker->phase = PHASE_DRAINING;
	worker->quiet = 0;
	(void)control_send(worker->start->control_fd, CONTROL_LEFT, 0, NULL);
}

static void obey(struct worker *worker, const struct control_message *message)
{
	const clock_ms until = clock_now() + message->value;

	switch (message->kind) {
	case CONTROL_DRAIN:
		worker->until = until;
		detach(worker);
		break;
	case CONTROL_STOP:
	case CONTROL_CLOSE:
		worker->until = until;
		worker->close_until = until;
		worker->quiet = 0;
		if (worker->phase != PHASE_DRAINING)
			worker->phase = message->kind == CONTROL_STOP ? PHASE_STOPPING : PHASE_CLOSING;
		break;
	default:
		break;
	}
}

/* Nobody would replace or stop us: leave the socket to the next instance, as soon as nobody waits in its backlog. */
static void supervisor_died(struct worker *worker)
{
	const clock_ms now = clock_now();
	const clock_ms limit = now + (clock_ms)worker->start->setup->daemon.drain_s * 1000;

	worker->until = worker->phase == PHASE_SERVING ? limit : clock_min(worker->until, limit);
	if (worker->phase == PHASE_DRAINING)
		return;
	log_error("the supervisor is gone: finishing the sessions that run, taking no more");
	worker->phase = PHASE_CLOSING;
	worker->close_until = now + ORPHAN_CLOSE_MS;
	worker->quiet = 0;
}

/* Read what the supervisor has said. false: it is gone. */
static bool listen_to_supervisor(struct worker *worker)
{
	struct control_message message;
	enum control_status status;

	while ((status = control_receive(worker->start->control_fd, &message)) == CONTROL_MESSAGE)
		obey(worker, &message);
	if (status == CONTROL_NOTHING)
		return true;
	supervisor_died(worker);
	return false;
}

static void look(struct worker *worker)
{
	const unsigned sessions = milter_sessions();
	const bool busy = worker->phase == PHASE_CLOSING ? milter_backlog_pending() : sessions > 0;
	const bool late = clock_now() >= (worker->phase == PHASE_CLOSING ? worker->close_until : worker->until);

	worker->quiet = busy ? 0 : worker->quiet + 1;
	if (worker->phase == PHASE_CLOSING) {
		if (late || worker->quiet >= QUIET_LOOKS)
			detach(worker);
		return;
	}
	if (worker->phase == PHASE_DRAINING && (late || worker->quiet >= QUIET_LOOKS))
		worker_end(worker, EXIT_FINE);
	if ((sessions || worker->quiet >= QUIET_LOOKS) && sessions != worker->told) {
		worker->told = sessions;
		(void)control_send(worker->start->control_fd, CONTROL_SESSIONS, (int32_t)sessions, NULL);
	}
}

_Noreturn void worker_run(const struct worker_start *start)
{
	struct worker worker = { .start = start, .told = ~0U };
	struct pollfd fds[] = { { .events = POLLIN }, { .fd = start->control_fd, .events = POLLIN } };

	signals_set();
	(void)setpgid(0, 0);
	confine(start->setup);
	start_serving(&worker);
	fds[0].fd = worker.ended_fd;
	for (;;) {
		(void)poll(fds, COUNT(fds), worker.phase == PHASE_SERVING ? -1 : LOOK_EVERY_MS);
		if (fds[0].revents) {
			log_error("libmilter has stopped serving");
			worker_end(&worker, EXIT_TRY_AGAIN);
		}
		if (fds[1].revents && !listen_to_supervisor(&worker))
			fds[1].fd = -1;
		if (worker.phase != PHASE_SERVING)
			look(&worker);
	}
}
