/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/log.h"
#include "daemon/metrics_http.h"
#include "daemon/workers.h"

#define NOBODY        (-1)
#define QUICK_MS      10000 /* who lives shorter makes the next one wait */
#define FORK_AGAIN_MS 5000
#define OFF           "off"

struct metrics {
	struct tally tally;
	struct listener *listener; /* NULL: off */
	struct listener *aside;    /* of the configuration that is being tried; NULL: none */
	bool confined;
	bool stays;   /* the configuration that is being tried keeps the listener */
	pid_t pid;    /* NOBODY */
	int alive_fd; /* our end: closed, the process ends */
	unsigned quick_deaths;
	clock_ms started_ms;
	clock_ms start_at; /* WORKERS_NEVER: it runs, or is off */
};

/* ---- options ---- */

#define AT(field) offsetof(struct metrics_settings, field)

const struct config_row metrics_rows[METRICS_ROWS] = {
	{ .name = "listen",
	  .type = CONFIG_STRING,
	  .offset = AT(listen),
	  .min = 1,
	  .max = 255,
	  .fallback = "\"" OFF "\"",
	  .help = "Where GET /metrics (Prometheus) and GET /health are answered: \"unix:PATH\", \"inet:PORT@ADDRESS\" or "
	          "\"inet6:PORT@ADDRESS\", for example \"inet:8896@127.0.0.1\"; or \"off\"." },
	{ .name = "socket_mode",
	  .type = CONFIG_MODE,
	  .offset = AT(socket_mode),
	  .min = 0,
	  .max = 0777,
	  .fallback = "\"0660\"",
	  .help = "The rights of a unix socket there. Who may write to it may ask." },
	{ .name = "allow_remote",
	  .type = CONFIG_BOOL,
	  .offset = AT(allow_remote),
	  .fallback = "false",
	  .help = "Whether metrics.listen may name an address that other machines can reach. Whoever reaches it may ask." },
};

int metrics_check(struct metrics_settings *settings, struct config *config, struct err *err)
{
	struct err why = { "" };

	memset(&settings->address, 0, sizeof(settings->address));
	if (strcmp(settings->listen, OFF) == 0)
		return 0;
	if (listener_parse(&settings->address, settings->listen, &why))
		return config_fault(config, &settings->listen, err, "%s; or \"" OFF "\"", why.text);
	if (listener_is_local(&settings->address))
		return 0;
	if (!settings->allow_remote)
		return config_fault(config, &settings->listen, err,
		                    "other machines can reach this address: must be a loopback address, as in "
		                    "\"inet:8896@127.0.0.1\", or a unix socket, unless metrics.allow_remote is true");
	config_warn(config, &settings->listen, "whoever reaches this address can read the metrics");
	return 0;
}

/* ---- the socket ---- */

struct metrics *metrics_open(struct counters *counters)
{
	struct metrics *metrics = memory_new(sizeof(*metrics));

	*metrics =
		(struct metrics){ .tally = { counters, 0 }, .pid = NOBODY, .alive_fd = -1, .start_at = WORKERS_NEVER };
	return metrics;
}

int metrics_prepare(struct metrics *metrics, const struct metrics_settings *settings, uid_t uid, gid_t gid,
                    struct err *err)
{
	const struct listener_rights rights = { (mode_t)settings->socket_mode, uid, (gid_t)-1, gid };
	const bool on = settings->address.length > 0;

	metrics->confined = settings->confined; /* for the next process, whichever configuration it serves */
	metrics->stays = on && metrics->listener && strcmp(listener_name(metrics->listener), settings->listen) == 0;
	if (!on || metrics->stays)
		return 0;
	metrics->aside = listener_open("metrics.listen", settings->listen, &settings->address, &rights, err);
	return metrics->aside ? 0 : -1;
}

void metrics_keep(struct metrics *metrics)
{
	listener_close(&metrics->aside);
}

/* Its death is no news any more. */
static void stop(struct metrics *metrics)
{
	if (metrics->pid == NOBODY)
		return;
	close(metrics->alive_fd);
	(void)kill(metrics->pid, SIGKILL);
	metrics->pid = NOBODY;
	metrics->alive_fd = -1;
}

void metrics_change(struct metrics *metrics)
{
	if (metrics->stays)
		return;
	stop(metrics);
	listener_close(&metrics->listener);
	metrics->listener = metrics->aside;
	metrics->aside = NULL;
	metrics->quick_deaths = 0;
	metrics->start_at = metrics->listener ? clock_now() : WORKERS_NEVER;
}

void metrics_close(struct metrics **metrics)
{
	pid_t pid;

	if (!*metrics)
		return;
	pid = (*metrics)->pid;
	stop(*metrics);
	if (pid != NOBODY)
		(void)waitpid(pid, NULL, 0);
	listener_close(&(*metrics)->aside);
	listener_close(&(*metrics)->listener);
	free(*metrics);
	*metrics = NULL;
}

void metrics_drop(const struct metrics *metrics)
{
	if (metrics->listener)
		close(listener_fd(metrics->listener));
	if (metrics->aside)
		close(listener_fd(metrics->aside));
	if (metrics->alive_fd >= 0)
		close(metrics->alive_fd);
}

/* ---- the process ---- */

/* Its process id; NOBODY with err. */
static pid_t start(struct metrics *metrics, void (*in_child)(void *context), void *context, struct err *err)
{
	struct metrics_http_start http = { .counters = metrics->tally.counters,
		                           .listen_fd = listener_fd(metrics->listener),
		                           .confined = metrics->confined };
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		err_set(err, "pipe: %s", strerror(errno));
		return NOBODY;
	}
	pid = fork();
	if (pid == 0) {
		in_child(context);
		http.alive_fd = ends[0];
		metrics_http_run(&http);
	}
	close(ends[0]);
	if (pid < 0) {
		err_set(err, "fork: %s", strerror(errno));
		close(ends[1]);
		return NOBODY;
	}
	metrics->alive_fd = ends[1];
	return pid;
}

void metrics_run(struct metrics *metrics, void (*in_child)(void *context), void *context)
{
	struct err err = { "" };

	if (clock_now() < metrics->start_at)
		return;
	metrics->pid = start(metrics, in_child, context, &err);
	metrics->started_ms = clock_now();
	metrics->start_at = metrics->pid == NOBODY ? clock_now() + FORK_AGAIN_MS : WORKERS_NEVER;
	if (metrics->pid == NOBODY)
		log_error("metrics cannot be served: %s", err.text);
	else
		log_info("metrics: process %ld serves on %s", (long)metrics->pid, listener_name(metrics->listener));
}

clock_ms metrics_next(const struct metrics *metrics)
{
	return metrics->start_at;
}

bool metrics_died(struct metrics *metrics, pid_t pid, int status)
{
	const clock_ms now = clock_now();
	clock_ms delay;

	if (pid != metrics->pid || pid == NOBODY)
		return false;
	close(metrics->alive_fd);
	metrics->alive_fd = -1;
	metrics->pid = NOBODY;
	metrics->quick_deaths = now - metrics->started_ms < QUICK_MS ? metrics->quick_deaths + 1 : 0;
	delay = workers_respawn_delay_ms(metrics->quick_deaths);
	metrics->start_at = now + delay;
	counters_add(&metrics->tally, COUNTER_SERVERS_RESTARTED, 1);
	if (WIFSIGNALED(status))
		log_error("metrics: process %ld died of signal %d (%s): the next one starts in %lld ms", (long)pid,
		          WTERMSIG(status), strsignal(WTERMSIG(status)), (long long)delay);
	else
		log_error("metrics: process %ld ended with exit status %d: the next one starts in %lld ms", (long)pid,
		          WEXITSTATUS(status), (long long)delay);
	return true;
}
