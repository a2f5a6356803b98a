/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main - from the command line to a supervisor that serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/options.h"
#include "daemon/pidfile.h"
#include "daemon/privileges.h"
#include "daemon/settings.h"
#include "daemon/supervisor.h"

#define FILES_FEW      4096 /* fewer open files than this are worth a warning */
#define FD_FIRST_OTHER 3

struct program {
	struct options options;
	struct setup *setup;
	struct identity identity;
	struct listener *listener;
	struct counters *counters;
	struct metrics *metrics;
	struct pidfile *pidfile;
	struct notify *notify;
	sigset_t blocked_before; /* the caller's signal mask */
	int parent_fd;           /* the process that was called waits here; -1: in the foreground */
	int inherited_fds;       /* from systemd */
};

/* Whoever started us reads standard error; afterwards there is only the log. */
static enum exit_code fail(const struct program *program, enum exit_code code, const struct err *err)
{
	fprintf(stderr, "mailreeve: %s\n", err->text);
	if (program->setup && program->setup->daemon.log == LOG_TO_SYSLOG)
		setup_log_errors("", err);
	return code;
}

/* ---- tasks that only look ---- */

static void print_warning(void *context, const char *warning)
{
	(void)context;
	printf("warning: %s\n", warning);
}

/* Accounts may be made after the configuration is written: worth a word, no error. */
static void check_accounts(const struct setup *setup)
{
	const struct daemon_settings *daemon = &setup->daemon;
	struct identity identity;
	struct err err = { "" };
	gid_t gid;

	if (privileges_find(&identity, daemon->user, daemon->group, true, &err) != EXIT_FINE)
		printf("warning: %s\n", err.text);
	if (*daemon->socket_group && privileges_find_group(&gid, daemon->socket_group, &err))
		printf("warning: socket_group = %s\n", err.text);
}

static void print_facts(const struct setup *setup)
{
	const struct catalogue *catalogue = engine_catalogue(setup->engine);

	for (size_t i = 0; i < catalogue_count(catalogue); i++) {
		const struct fact_info *fact = catalogue_info(catalogue, (fact_id)i);
		char text[32];
		struct strbuf points;
		strbuf_open(&points, text, sizeof(text));
		if (fact_has_points(fact->kind) || fact->kind == FACT_RULE)
			strbuf_add_points(&points, fact->points_milli);
		else
			strbuf_add(&points, "-");
		printf("%-28s %8s  %s\n", fact->name, text, fact->text);
	}
}

static enum exit_code look_only(struct program *program)
{
	struct err err = { "" };

	program->setup = setup_open(&program->options, &err);
	if (!program->setup) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_BAD_CONFIG;
	}
	if (program->options.task == TASK_PRINT_CONFIG) {
		config_print(program->setup->config, stdout);
	} else if (program->options.task == TASK_PRINT_FACTS) {
		print_facts(program->setup);
	} else {
		config_each_warning(program->setup->config, print_warning, NULL);
		check_accounts(program->setup);
		printf("%s: configuration is valid\n", program->options.config_file);
	}
	setup_close(&program->setup);
	return fflush(stdout) ? EXIT_OS_TROUBLE : EXIT_FINE;
}

/* ---- becoming a daemon ---- */

/* In the process that was called: end when the daemon serves, or as it ended. It may be interrupted. */
static _Noreturn void wait_for_daemon(const struct program *program, pid_t pid, int fd)
{
	char ready;
	int status = 0;

	(void)sigprocmask(SIG_SETMASK, &program->blocked_before, NULL);
	if (read(fd, &ready, 1) == 1)
		_exit(EXIT_FINE);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_OS_TROUBLE);
}

static int daemonize(struct program *program, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_set(err, "fork: %s", strerror(errno));
	if (pid > 0) {
		close(ends[1]);
		wait_for_daemon(program, pid, ends[0]);
	}
	close(ends[0]);
	program->parent_fd = ends[1];
	(void)setsid();
	return chdir("/") ? err_set(err, "chdir /: %s", strerror(errno)) : 0;
}

/* A path that still leads to the file after chdir("/"). */
static const char *absolute_path(const char *path, struct err *err)
{
	char *directory, *whole;
	size_t size;

	if (path[0] == '/')
		return path;
	directory = getcwd(NULL, 0);
	if (!directory) {
		err_set(err, "-c %s: the current directory: %s", path, strerror(errno));
		return NULL;
	}
	size = strlen(directory) + strlen(path) + 2;
	whole = memory_new(size); /* for the life of the process */
	snprintf(whole, size, "%s/%s", directory, path);
	free(directory);
	return whole;
}

/* In the background: leave the terminal; standard error only where nothing is logged to it. */
static void leave_terminal(struct program *program)
{
	int null;

	if (program->parent_fd < 0)
		return;
	close(program->parent_fd);
	program->parent_fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		if (fd != STDERR_FILENO || program->setup->daemon.log == LOG_TO_SYSLOG)
			(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

/* The first worker serves: let the caller go. */
static void on_first_ready(void *context)
{
	struct program *program = context;

	if (program->parent_fd >= 0)
		(void)!write(program->parent_fd, "", 1);
	leave_terminal(program);
}

static void in_worker(void *context)
{
	struct program *program = context;

	leave_terminal(program);
	pidfile_forget(&program->pidfile);
	notify_close(&program->notify);
}

/* ---- what must be done before anybody is served ---- */

static enum exit_code make_listener(struct program *program, struct err *err)
{
	const struct daemon_settings *daemon = &program->setup->daemon;
	const struct identity *identity = &program->identity;
	struct listener_rights rights = { (mode_t)daemon->socket_mode, (uid_t)-1, (gid_t)-1, (gid_t)-1 };
	struct err why = { "" };

	if (program->inherited_fds) {
		program->listener = listener_inherit(err);
		return program->listener ? EXIT_FINE : EXIT_CANNOT_CREATE;
	}
	if (*daemon->socket_group && privileges_find_group(&rights.gid, daemon->socket_group, &why)) {
		err_set(err, "socket_group = %s", why.text);
		return EXIT_BAD_CONFIG;
	}
	if (identity->change) {
		rights.uid = identity->uid;
		rights.fallback_gid = identity->gid;
	}
	program->listener = listener_open("socket", daemon->socket, &program->setup->address, &rights, err);
	return program->listener ? EXIT_FINE : EXIT_CANNOT_CREATE;
}

static enum exit_code make_metrics(struct program *program, struct err *err)
{
	const struct identity *identity = &program->identity;

	program->counters = counters_open();
	if (!program->counters) {
		err_set(err, "memory for the counters: %s", strerror(errno));
		return EXIT_OS_TROUBLE;
	}
	program->metrics = metrics_open(program->counters);
	return metrics_prepare(program->metrics, &program->setup->metrics, identity->change ? identity->uid : (uid_t)-1,
	                       identity->change ? identity->gid : (gid_t)-1, err)
	               ? EXIT_CANNOT_CREATE
	               : EXIT_FINE;
}

static enum exit_code make_pidfile(struct program *program, struct err *err)
{
	const char *path = program->setup->daemon.pid_file;

	if (!*path)
		return EXIT_FINE;
	program->pidfile = pidfile_open(path, err);
	return program->pidfile ? EXIT_FINE : EXIT_CANNOT_CREATE;
}

/* As another user than the one who read it first: would a reload still be able to read everything? */
static void check_reload(const struct program *program)
{
	struct err err = { "" };
	struct setup *again;

	if (!program->identity.change)
		return;
	again = setup_open(&program->options, &err);
	if (!again)
		log_warning("as user %s the configuration cannot be read again, a reload will be refused: %s",
		            program->identity.user, err.text);
	setup_close(&again);
}

static enum exit_code prepare(struct program *program, struct err *err)
{
	const struct daemon_settings *daemon;
	enum exit_code code;
	long files;

	program->setup = setup_open(&program->options, err);
	if (!program->setup)
		return EXIT_BAD_CONFIG;
	daemon = &program->setup->daemon;
	log_open((enum log_target)daemon->log, program->options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	setup_log_warnings(program->setup);
	code = privileges_find(&program->identity, daemon->user, daemon->group, program->options.allow_root, err);
	if (code != EXIT_FINE)
		return code;
	files = privileges_raise_files(daemon->files_max);
	if (files < FILES_FEW)
		log_warning("only %ld open files are allowed (files_max = %d): each session takes one; raise the limit "
		            "(LimitNOFILE=)",
		            files, daemon->files_max);
	code = make_listener(program, err);
	if (code == EXIT_FINE)
		code = make_metrics(program, err);
	if (code == EXIT_FINE)
		code = make_pidfile(program, err);
	if (code != EXIT_FINE)
		return code;
	if (privileges_drop(&program->identity, err) || privileges_freeze(err))
		return EXIT_NO_PERMISSION;
	check_reload(program);
	return EXIT_FINE;
}

static enum exit_code supervise(struct program *program, struct err *err)
{
	const struct supervisor_start start = {
		.options = &program->options,
		.setup = program->setup,
		.listener = &program->listener,
		.notify = program->notify,
		.counters = program->counters,
		.metrics = program->metrics,
		.ready = on_first_ready,
		.in_worker = in_worker,
		.context = program,
	};

	return supervisor_run(&start, err);
}

static enum exit_code serve(struct program *program)
{
	struct err err = { "" };
	enum exit_code code;

	control_signals_hold(&program->blocked_before);
	program->options.config_file = absolute_path(program->options.config_file, &err);
	if (!program->options.config_file || (!program->options.foreground && daemonize(program, &err)))
		return fail(program, EXIT_OS_TROUBLE, &err);
	program->notify = notify_open();
	code = prepare(program, &err);
	if (code == EXIT_FINE)
		code = supervise(program, &err);
	if (code != EXIT_FINE)
		(void)fail(program, code, &err);
	metrics_close(&program->metrics);
	counters_close(&program->counters);
	listener_close(&program->listener);
	pidfile_close(&program->pidfile);
	notify_close(&program->notify);
	setup_close(&program->setup);
	return code;
}

int main(int argc, char **argv)
{
	struct program program = { .parent_fd = -1 };
	struct err err = { "" };

	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	if (options_parse(&program.options, argc, argv, &err))
		return (int)fail(&program, EXIT_BAD_USAGE, &err);
	switch (program.options.task) {
	case TASK_HELP:
		options_print_help(stdout);
		return EXIT_FINE;
	case TASK_VERSION:
		options_print_version(stdout);
		return EXIT_FINE;
	case TASK_SERVE:
		break;
	default:
		return (int)look_only(&program);
	}
	(void)umask(0022);
	program.inherited_fds = listener_inherited_fds();
	(void)close_range(FD_FIRST_OTHER + (unsigned)program.inherited_fds, ~0U, 0);
	return (int)serve(&program);
}
