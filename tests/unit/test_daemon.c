/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_daemon - command line, pid file, accounts, control messages, notification. Sockets: test_listener.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "daemon/control.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/pidfile.h"
#include "daemon/privileges.h"
#include "daemon_place.h"

/* ---- command line ---- */

static int parse(struct options *options, struct err *err, char *const *words)
{
	char *argv[16] = { (char[]){ "mailreeve" } };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = words[argc - 1];
	err->text[0] = '\0';
	return options_parse(options, argc, argv, err);
}

#define PARSE(...) parse(&options, &err, (char *[]){ __VA_ARGS__, NULL })

static void options_are_read(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(NULL), 0);
	assert_int_equal(options.task, TASK_SERVE);
	assert_false(options.foreground || options.verbose || options.allow_root || options.no_kick ||
	             options.no_fd_conn);
	assert_string_equal(strrchr(options.config_file, '/'), "/mailreeve.conf");

	assert_int_equal(PARSE("-fv", "-c", "a.conf", "-o", "b=1", "-oc=2", "--set", "d=3", "--set=e=4"), 0);
	assert_true(options.foreground && options.verbose);
	assert_string_equal(options.config_file, "a.conf");
	assert_int_equal(options.n_overrides, 4);
	assert_string_equal(options.overrides[0], "b=1");
	assert_string_equal(options.overrides[1], "c=2");
	assert_string_equal(options.overrides[3], "e=4");

	assert_int_equal(PARSE("--no-kick", "--no-fd-conn", "--allow-root", "--config=x"), 0);
	assert_true(options.no_kick && options.no_fd_conn && options.allow_root);
	assert_string_equal(options.config_file, "x");
}

static void options_choose_a_task(void **state)
{
	static const struct {
		const char *word;
		enum options_task task;
	} cases[] = {
		{ "-n", TASK_CHECK },
		{ "--check", TASK_CHECK },
		{ "-h", TASK_HELP },
		{ "--help", TASK_HELP },
		{ "-V", TASK_VERSION },
		{ "--version", TASK_VERSION },
		{ "--print-config", TASK_PRINT_CONFIG },
		{ "--print-facts", TASK_PRINT_FACTS },
	};
	struct options options;
	struct err err;
	char word[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(word, sizeof(word), "%s", cases[i].word);
		assert_int_equal(PARSE(word), 0);
		assert_int_equal(options.task, cases[i].task);
	}
}

static void wrong_options_are_named(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE("-f", "-x"), -1);
	assert_non_null(strstr(err.text, "-x"));
	assert_int_equal(PARSE("--check", "-fxv"), -1);
	assert_non_null(strstr(err.text, "-x is"));
	assert_int_equal(PARSE("--sideways"), -1);
	assert_non_null(strstr(err.text, "--sideways"));
	assert_int_equal(PARSE("-o"), -1);
	assert_non_null(strstr(err.text, "-o needs an argument"));
	assert_int_equal(PARSE("--set"), -1);
	assert_non_null(strstr(err.text, "--set needs an argument"));
	assert_int_equal(PARSE("-f", "stray"), -1);
	assert_non_null(strstr(err.text, "stray"));
	assert_int_equal(PARSE("--check=now"), -1);
	assert_non_null(strstr(err.text, "--check takes no argument"));
}

static void overrides_are_bounded(void **state)
{
	static char *argv[2 + 2 * (OPTIONS_OVERRIDES_MAX + 1)];
	struct options options;
	struct err err = { "" };
	int argc = 0;

	(void)state;
	static char program[] = "mailreeve", letter[] = "-o", value[] = "a=b", last[] = "-oc=d";
	argv[argc++] = program;
	for (int i = 0; i < OPTIONS_OVERRIDES_MAX; i++) {
		argv[argc++] = letter;
		argv[argc++] = value;
	}
	assert_int_equal(options_parse(&options, argc, argv, &err), 0);
	argv[argc++] = last;
	assert_int_equal(options_parse(&options, argc, argv, &err), -1);
	assert_non_null(strstr(err.text, "c=d"));
}

/* What --help shows: every exit code once, and nothing hidden. */
static void help_is_complete(void **state)
{
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");

	(void)state;
	assert_non_null(out);
	options_print_help(out);
	fclose(out);
	assert_non_null(strstr(text, "--print-config"));
	assert_non_null(strstr(text, "-o, --set NAME=VALUE"));
	assert_null(strstr(text, "no-kick"));
	assert_null(strstr(text, "no-fd-conn"));
	for (size_t i = 0; i < exit_n_rows; i++) {
		assert_non_null(strstr(text, exit_rows[i].help));
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(exit_rows[i].code, exit_rows[j].code);
	}
}

/* ---- pid file ---- */

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
}

static void pid_file_is_written_and_removed(void **state)
{
	const struct place *place = *state;
	char text[64], mine[64];
	struct err err = { "" };
	mode_t old = umask(0);
	struct pidfile *pidfile;

	/* one from a dead instance, with more in it and too many rights */
	write_file(place->path, "123456789 and more\n");
	pidfile = pidfile_open(place->path, &err);
	umask(old);
	assert_non_null(pidfile);
	read_file(place->path, text, sizeof(text));
	snprintf(mine, sizeof(mine), "%ld\n", (long)getpid());
	assert_string_equal(text, mine);
	assert_int_equal(mode_of(place->path), 0644);
	pidfile_close(&pidfile);
	assert_null(pidfile);
	assert_false(exists(place->path));
	pidfile_close(&pidfile);
}

static void pid_file_of_a_living_owner(void **state)
{
	const struct place *place = *state;
	struct err err = { "" };
	char mine[32];
	struct pidfile *first = pidfile_open(place->path, &err);

	assert_non_null(first);
	assert_null(pidfile_open(place->path, &err));
	assert_non_null(strstr(err.text, place->path));
	snprintf(mine, sizeof(mine), "process %ld)", (long)getpid());
	assert_non_null(strstr(err.text, mine));
	pidfile_close(&first);
}

/* A worker forgets it: the file and its lock stay, and go with the supervisor's descriptor. */
static void pid_file_in_a_worker(void **state)
{
	const struct place *place = *state;
	struct err err = { "" };
	struct pidfile *pidfile = pidfile_open(place->path, &err);
	int status = 1;
	pid_t pid;

	assert_non_null(pidfile);
	pid = fork();
	if (pid == 0) {
		pidfile_forget(&pidfile);
		_exit(pidfile == NULL && exists(place->path) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_null(pidfile_open(place->path, &err)); /* still locked */
	pidfile_close(&pidfile);
}

static void pid_file_traps(void **state)
{
	const struct place *place = *state;
	char other[112], text[32];
	struct err err = { "" };

	snprintf(other, sizeof(other), "%s/other", place->directory);
	write_file(other, "precious");

	assert_int_equal(symlink(other, place->path), 0);
	assert_null(pidfile_open(place->path, &err));
	assert_non_null(strstr(err.text, "symbolic link"));
	unlink(place->path);

	assert_int_equal(link(other, place->path), 0);
	assert_null(pidfile_open(place->path, &err));
	unlink(place->path);

	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_null(pidfile_open(place->path, &err));
	unlink(place->path);

	assert_int_equal(mkdir(place->path, 0700), 0);
	assert_null(pidfile_open(place->path, &err));
	rmdir(place->path);

	assert_null(pidfile_open("/nonexistent/dir/pid", &err));
	assert_non_null(strstr(err.text, "/nonexistent/dir/pid"));

	read_file(other, text, sizeof(text));
	assert_string_equal(text, "precious");
	unlink(other);
}

/* The path was given to somebody else meanwhile. */
static void pid_file_of_somebody_else_is_not_removed(void **state)
{
	const struct place *place = *state;
	struct err err = { "" };
	struct pidfile *pidfile = pidfile_open(place->path, &err);

	assert_non_null(pidfile);
	unlink(place->path);
	write_file(place->path, "4711\n");
	pidfile_close(&pidfile);
	assert_true(exists(place->path));
	unlink(place->path);
}

/* ---- accounts ---- */

static void accounts_must_exist(void **state)
{
	struct identity identity;
	struct err err = { "" };
	gid_t gid = 0;

	(void)state;
	assert_int_equal(privileges_find(&identity, "no-such-user-here", "", true, &err), EXIT_BAD_CONFIG);
	assert_non_null(strstr(err.text, "user = \"no-such-user-here\""));
	assert_int_equal(privileges_find(&identity, "", "no-such-group-here", true, &err), EXIT_BAD_CONFIG);
	assert_non_null(strstr(err.text, "group = \"no-such-group-here\""));
	assert_int_equal(privileges_find_group(&gid, "no-such-group-here", &err), -1);
	assert_int_equal(privileges_find_group(&gid, "4294967295", &err), -1); /* "leave unchanged" */
	assert_int_equal(privileges_find_group(&gid, "12x", &err), -1);
	assert_int_equal(privileges_find_group(&gid, "", &err), -1);
	assert_int_equal(privileges_find_group(&gid, "64321", &err), 0);
	assert_int_equal(gid, 64321);
}

static void root_is_refused(void **state)
{
	struct identity identity;
	struct err err = { "" };

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(privileges_find(&identity, "", "", false, &err), EXIT_NO_PERMISSION);
		assert_int_equal(privileges_find(&identity, "root", "", false, &err), EXIT_NO_PERMISSION);
		assert_int_equal(privileges_find(&identity, "0", "", false, &err), EXIT_NO_PERMISSION);
		assert_int_equal(privileges_find(&identity, "", "", true, &err), EXIT_FINE);
		assert_false(identity.change);
	} else {
		/* whatever is configured, we stay who we are */
		assert_int_equal(privileges_find(&identity, "root", "", false, &err), EXIT_FINE);
		assert_int_equal(identity.uid, geteuid());
		assert_false(identity.change);
	}
}

/* In a process of its own. 0: it is nobody for good. */
static int become_nobody(void)
{
	struct identity identity;
	struct err err = { "" };

	if (privileges_find(&identity, "nobody", "", false, &err) != EXIT_FINE || !identity.change)
		return 1;
	if (privileges_drop(&identity, &err))
		return 2;
	if (geteuid() != identity.uid || getegid() != identity.gid || setuid(0) == 0 || setgid(0) == 0)
		return 3;
	return 0;
}

static void privileges_are_dropped(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(become_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- supervisor and worker ---- */

static void control_messages_arrive_whole(void **state)
{
	struct control_message message;
	struct err err = { "" };
	char text[ERR_TEXT_MAX + 100];
	int ends[2];

	(void)state;
	assert_int_equal(control_open(ends, &err), 0);
	assert_int_equal(control_receive(ends[0], &message), CONTROL_NOTHING);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(control_send(ends[1], CONTROL_READY, 0, NULL));
	assert_true(control_send(ends[1], CONTROL_FAILED, -7, text));
	assert_int_equal(control_receive(ends[0], &message), CONTROL_MESSAGE);
	assert_int_equal(message.kind, CONTROL_READY);
	assert_string_equal(message.text, "");
	assert_int_equal(control_receive(ends[0], &message), CONTROL_MESSAGE);
	assert_int_equal(message.kind, CONTROL_FAILED);
	assert_int_equal(message.value, -7);
	assert_int_equal(strlen(message.text), ERR_TEXT_MAX - 1);

	/* last words are still heard, then the end is seen; speaking to the dead does not kill */
	assert_true(control_send(ends[1], CONTROL_SESSIONS, 3, NULL));
	close(ends[1]);
	assert_int_equal(control_receive(ends[0], &message), CONTROL_MESSAGE);
	assert_int_equal(message.value, 3);
	assert_int_equal(control_receive(ends[0], &message), CONTROL_ENDED);
	assert_false(control_send(ends[0], CONTROL_DRAIN, 1, NULL));
	close(ends[0]);
}

static void a_deaf_peer_blocks_nobody(void **state)
{
	struct err err = { "" };
	int ends[2];
	int n = 0;

	(void)state;
	assert_int_equal(control_open(ends, &err), 0);
	while (n < 1000000 && control_send(ends[0], CONTROL_STOP, 0, NULL))
		n++;
	assert_in_range(n, 1, 999999);
	close(ends[0]);
	close(ends[1]);
}

/* ---- systemd ---- */

static void notify_reaches(const char *name, const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct notify *notify;
	char text[256] = "";

	assert_int_equal(bind(fd, (const struct sockaddr *)address, length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify = notify_open();
	assert_non_null(notify);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_send(notify, "READY=%d\nSTATUS=%s", 1, "well");
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "READY=1\nSTATUS=well");
	notify_reloading(notify);
	memset(text, 0, sizeof(text));
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "RELOADING=1\nMONOTONIC_USEC="));
	close(fd);
	notify_send(notify, "STOPPING=1"); /* nobody there: nothing happens */
	notify_close(&notify);
	assert_null(notify);
}

static void notify_by_path_and_by_abstract_name(void **state)
{
	const struct place *place = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[96];
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->path);
	notify_reaches(place->path, &address, sizeof(address));
	unlink(place->path);

	const int octets = snprintf(name, sizeof(name), "@mailreeve-unit-%ld", (long)getpid());
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path + 1, name + 1, (size_t)octets - 1);
	notify_reaches(name, &address, (socklen_t)(head + (size_t)octets));
}

static void nobody_wants_to_be_notified(void **state)
{
	struct notify *notify;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify = notify_open();
	assert_null(notify);
	notify_send(notify, "READY=1");
	notify_reloading(notify);
	notify_close(&notify);
	setenv("NOTIFY_SOCKET", "relative/path", 1);
	assert_null(notify_open());
	setenv("NOTIFY_SOCKET", "", 1);
	assert_null(notify_open());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(options_choose_a_task),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(overrides_are_bounded),
		cmocka_unit_test(help_is_complete),
		WITH_PLACE(pid_file_is_written_and_removed),
		WITH_PLACE(pid_file_of_a_living_owner),
		WITH_PLACE(pid_file_in_a_worker),
		WITH_PLACE(pid_file_traps),
		WITH_PLACE(pid_file_of_somebody_else_is_not_removed),
		cmocka_unit_test(accounts_must_exist),
		cmocka_unit_test(root_is_refused),
		cmocka_unit_test(privileges_are_dropped),
		cmocka_unit_test(control_messages_arrive_whole),
		cmocka_unit_test(a_deaf_peer_blocks_nobody),
		WITH_PLACE(notify_by_path_and_by_abstract_name),
		cmocka_unit_test(nobody_wants_to_be_notified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
