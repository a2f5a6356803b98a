/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/metrics_http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics_text.h"
#include "daemon/sandbox.h"
#include "daemon/options.h"

#define PROCESS_NAME       "reeve: metrics" /* at most 15 octets */
#define LISTEN_FD          3
#define ALIVE_FD           4
#define CONNECTIONS_MAX    32
#define CONNECTION_OCTETS  8192 /* memory of one: a request with its header fields must fit */
#define CONNECTION_MS      5000 /* from accept() to the end of the answer, however busy the client is */
#define FILES_MAX          (CONNECTIONS_MAX + 32)
#define NICE               10 /* mail goes first */
#define WAIT_MAX_MS        60000
#define PLAIN_CONTENT_TYPE "text/plain; charset=utf-8"

struct client {
	struct MHD_Connection *connection; /* NULL: a free place */
	int fd;
	clock_ms deadline;
	bool cut; /* shut down by us; libmicrohttpd will notice */
};

struct server {
	const struct counters *counters;
	struct MHD_Daemon *http;
	struct client clients[CONNECTIONS_MAX];
	bool freed; /* a place, in this turn of the loop */
};

/* ---- answers ---- */

/* `text` is allocated, and freed when it has been sent. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, char *text,
                              size_t octets)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(octets, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	/* A request a connection: nobody keeps a place for long. */
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned status, const char *words)
{
	return answer(connection, status, PLAIN_CONTENT_TYPE, memory_strdup(words), strlen(words));
}

static enum MHD_Result answer_metrics(const struct server *server, struct MHD_Connection *connection)
{
	char *text = NULL;
	size_t octets = 0;
	FILE *out = open_memstream(&text, &octets);

	if (!out)
		return MHD_NO;
	metrics_write(out, server->counters);
	if (fclose(out)) {
		free(text);
		return MHD_NO;
	}
	return answer(connection, MHD_HTTP_OK, METRICS_CONTENT_TYPE, text, octets);
}

static enum MHD_Result answer_health(const struct server *server, struct MHD_Connection *connection)
{
	char text[METRICS_HEALTH_MAX];
	const bool healthy = metrics_health(server->counters, text);

	return answer_words(connection, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_octets, void **request)
{
	const struct server *server = context;
	const bool metrics = strcmp(url, "/metrics") == 0;

	(void)version;
	(void)upload;
	(void)upload_octets;
	(void)request;
	if (!metrics && strcmp(url, "/health") != 0)
		return answer_words(connection, MHD_HTTP_NOT_FOUND, "There is /metrics and /health.\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Use GET or HEAD.\n");
	return metrics ? answer_metrics(server, connection) : answer_health(server, connection);
}

/* ---- connections ---- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
	const bool starts = what == MHD_CONNECTION_NOTIFY_STARTED;
	const struct MHD_Connection *wanted = starts ? NULL : connection;
	const union MHD_ConnectionInfo *info;
	struct server *server = context;
	struct client *client = server->clients;

	(void)socket_context;
	while (client < server->clients + COUNT(server->clients) && client->connection != wanted)
		client++;
	if (client == server->clients + COUNT(server->clients))
		return;
	*client = (struct client){ 0 };
	server->freed |= !starts;
	info = starts ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD) : NULL;
	if (info)
		*client = (struct client){ connection, info->connect_fd, clock_now() + CONNECTION_MS, false };
}

/*
 * libmicrohttpd's own time-out begins anew with every octet: who sends one a second would stay for ever. Returns when
 * the next one is due.
 */
static clock_ms cut_the_late(struct server *server)
{
	clock_ms now = clock_now(), next = now + WAIT_MAX_MS;

	for (size_t i = 0; i < COUNT(server->clients); i++) {
		struct client *client = &server->clients[i];
		if (!client->connection || client->cut)
			continue;
		if (now >= client->deadline) {
			client->cut = true;
			(void)shutdown(client->fd, SHUT_RDWR);
		} else {
			next = clock_min(next, client->deadline);
		}
	}
	return next;
}

/* ---- the process ---- */

/* Nothing of the supervisor's stays but the two descriptors and the standard ones. */
static void keep_only(const struct metrics_http_start *start)
{
	/* Out of the way of both targets first. */
	const int listen_fd = fcntl(start->listen_fd, F_DUPFD, ALIVE_FD + 1);
	const int alive_fd = fcntl(start->alive_fd, F_DUPFD, ALIVE_FD + 1);

	if (listen_fd < 0 || alive_fd < 0 || dup2(listen_fd, LISTEN_FD) < 0 || dup2(alive_fd, ALIVE_FD) < 0) {
		log_error("metrics: the descriptors cannot be taken over: %s", strerror(errno));
		_exit(EXIT_OS_TROUBLE);
	}
	closelog(); /* or it would take whatever gets its number next for its own */
	(void)close_range(ALIVE_FD + 1, ~0U, 0);
}

static void restrict_process(void)
{
	static const int ignored[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTTOU };
	struct rlimit files;
	sigset_t none;

	(void)prctl(PR_SET_NAME, PROCESS_NAME, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setpgid(0, 0);
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > FILES_MAX) {
		files.rlim_cur = files.rlim_max = FILES_MAX;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	/* They are the supervisor's, also where a whole process group gets them. */
	for (size_t i = 0; i < COUNT(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct MHD_Daemon *http_open(struct server *server)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, LISTEN_FD,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_OCTETS,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(CONNECTION_MS / 1000),
	                        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
}

/* Until the supervisor is gone. */
static void serve(struct server *server, int epoll_fd)
{
	struct pollfd fds[] = { { .fd = epoll_fd, .events = POLLIN }, { .fd = ALIVE_FD, .events = POLLIN } };
	MHD_UNSIGNED_LONG_LONG http_ms;
	clock_ms wait_ms;

	while (!fds[1].revents) {
		wait_ms = cut_the_late(server) - clock_now();
		if (MHD_get_timeout(server->http, &http_ms) == MHD_YES && (clock_ms)http_ms < wait_ms)
			wait_ms = (clock_ms)http_ms;
		(void)poll(fds, COUNT(fds), wait_ms > 0 ? (int)wait_ms : 0);
		/* Where all places were taken, it looks for new clients again only at its next turn. */
		do {
			server->freed = false;
			(void)MHD_run(server->http);
		} while (server->freed);
	}
}

_Noreturn void metrics_http_run(const struct metrics_http_start *start)
{
	struct server server = { .counters = start->counters };
	const union MHD_DaemonInfo *info;
	struct err err = { "" };

	keep_only(start);
	restrict_process();
	server.http = http_open(&server);
	info = server.http ? MHD_get_daemon_info(server.http, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		log_error("metrics: libmicrohttpd could not begin to serve");
		_exit(EXIT_OS_TROUBLE);
	}
	if (start->confined && sandbox_apply(SANDBOX_SERVER, &err))
		log_warning("seccomp = true: the metrics are served unconfined: %s", err.text);
	serve(&server, info->epoll_fd);
	_exit(EXIT_FINE);
}
