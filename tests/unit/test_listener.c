/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_listener - names of sockets, whose socket it is, sockets from systemd.
 */
#include <fcntl.h>
#include <netinet/in.h>
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
#include "daemon/listener.h"
#include "daemon_place.h"

#define NO_RIGHTS(mode)                                 \
	{                                               \
		(mode), (uid_t)-1, (gid_t)-1, (gid_t)-1 \
	}

/* ---- socket names ---- */

static void socket_names_are_read(void **state)
{
	struct listener_address address;
	const struct sockaddr_un *local = (const struct sockaddr_un *)&address.address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address.address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address.address;
	struct err err;

	(void)state;
	assert_int_equal(listener_parse(&address, "unix:/run/a b.sock", &err), 0);
	assert_int_equal(address.address.ss_family, AF_UNIX);
	assert_string_equal(local->sun_path, "/run/a b.sock");
	assert_int_equal(listener_parse(&address, "local:/x", &err), 0);
	assert_string_equal(local->sun_path, "/x");

	assert_int_equal(listener_parse(&address, "inet:8895@192.0.2.7", &err), 0);
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohs(in->sin_port), 8895);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0xc0000207);
	assert_false(address.everywhere);
	assert_int_equal(listener_parse(&address, "inet:8895@localhost", &err), 0);
	assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(listener_parse(&address, "inet:1@[192.0.2.7]", &err), 0);
	assert_int_equal(listener_parse(&address, "inet:65535", &err), 0);
	assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_ANY);
	assert_true(address.everywhere);

	assert_int_equal(listener_parse(&address, "inet6:8895@[2001:db8::1]", &err), 0);
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(in6->sin6_addr.s6_addr[0], 0x20);
	assert_int_equal(ntohs(in6->sin6_port), 8895);
	assert_int_equal(listener_parse(&address, "inet6:8895@::1", &err), 0);
	assert_int_equal(listener_parse(&address, "inet6:8895@localhost", &err), 0);
	assert_true(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

static void wrong_socket_names_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "must be" },
		{ "fish:3", "must be" },
		{ "/run/x.sock", "must be" },
		{ "UNIX:/x", "must be" },
		{ "unix:", "slash" },
		{ "unix:run/x.sock", "slash" },
		{ "inet:", "port" },
		{ "inet:0@127.0.0.1", "port" },
		{ "inet:65536@127.0.0.1", "port" },
		{ "inet:-1@127.0.0.1", "port" },
		{ "inet:smtp@127.0.0.1", "port" },
		{ "inet:25x@127.0.0.1", "port" },
		{ "inet:8895@", "address" },
		{ "inet:8895@mail.example.org", "address" },
		{ "inet:8895@::1", "address" },
		{ "inet:8895@192.0.2.256", "address" },
		{ "inet6:8895@192.0.2.1", "address" },
		{ "inet6:8895@[::1", "address" },
	};
	struct listener_address address;
	char path[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		assert_int_equal(listener_parse(&address, cases[i].text, &err), -1);
		if (!strstr(err.text, cases[i].says))
			fail_msg("\"%s\" gave \"%s\"", cases[i].text, err.text);
	}
	/* 107 octets fit, 108 do not, and nothing is cut silently */
	snprintf(path, sizeof(path), "unix:/%0106d", 7);
	assert_int_equal(listener_parse(&address, path, NULL), 0);
	snprintf(path, sizeof(path), "unix:/%0107d", 7);
	assert_int_equal(listener_parse(&address, path, NULL), -1);
}

static void directories_of_sockets(void **state)
{
	static const struct {
		const char *socket, *directory;
	} cases[] = {
		{ "unix:/run/mailreeve/x", "/run/mailreeve" },
		{ "unix:/x", "/" },
		{ "inet:8895@127.0.0.1", "" },
	};
	struct listener_address address;
	char directory[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(listener_parse(&address, cases[i].socket, NULL), 0);
		listener_directory(&address, directory, sizeof(directory));
		assert_string_equal(directory, cases[i].directory);
	}
}

/* ---- whose socket it is ---- */

static struct listener *open_named(const char *text, mode_t mode, struct err *err)
{
	const struct listener_rights rights = NO_RIGHTS(mode);
	struct listener_address address;

	err->text[0] = '\0';
	assert_int_equal(listener_parse(&address, text, err), 0);
	return listener_open("socket", text, &address, &rights, err);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void socket_is_made_and_removed(void **state)
{
	static const mode_t modes[] = { 0600, 0660, 0666, 0700 };
	const struct place *place = *state;
	struct err err;

	for (size_t i = 0; i < COUNT(modes); i++) {
		mode_t old = umask(i % 2 ? 0 : 0077);
		struct listener *listener = open_named(place->socket, modes[i], &err);
		umask(old);
		assert_non_null(listener);
		assert_string_equal(listener_name(listener), place->socket);
		assert_int_equal(mode_of(place->path), modes[i]);
		assert_true(fcntl(listener_fd(listener), F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(listener_fd(listener), F_GETFD) & FD_CLOEXEC);
		int fd = connect_to(place->path);
		assert_true(fd >= 0);
		close(fd);
		listener_close(&listener);
		assert_null(listener);
		assert_false(exists(place->path));
	}
}

static void socket_of_a_living_owner_is_left_alone(void **state)
{
	const struct place *place = *state;
	struct err err;
	struct stat before, after;
	struct listener *first = open_named(place->socket, 0660, &err);

	assert_non_null(first);
	assert_int_equal(lstat(place->path, &before), 0);
	assert_null(open_named(place->socket, 0660, &err));
	assert_non_null(strstr(err.text, place->path));
	assert_non_null(strstr(err.text, "another instance"));
	assert_int_equal(lstat(place->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);

	/* Nobody answers and the queue is full: still somebody's. */
	int fds[2048];
	size_t n = 0;
	while (n < COUNT(fds) && (fds[n] = connect_to(place->path)) >= 0)
		n++;
	assert_null(open_named(place->socket, 0660, &err));
	assert_non_null(strstr(err.text, "another instance"));
	assert_true(exists(place->path));
	while (n > 0)
		close(fds[--n]);
	listener_close(&first);
}

static void socket_of_a_dead_owner_is_taken_over(void **state)
{
	const struct place *place = *state;
	struct err err;
	struct listener *listener;
	pid_t pid = fork();

	if (pid == 0)
		_exit(open_named(place->socket, 0660, &err) ? 0 : 1); /* without removing it */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(exists(place->path));
	assert_int_equal(connect_to(place->path), -1);

	listener = open_named(place->socket, 0660, &err);
	assert_non_null(listener);
	int fd = connect_to(place->path);
	assert_true(fd >= 0);
	close(fd);
	listener_close(&listener);
}

static void what_is_no_socket_is_never_removed(void **state)
{
	const struct place *place = *state;
	struct err err;

	write_file(place->path, "dear to somebody");
	assert_null(open_named(place->socket, 0660, &err));
	assert_non_null(strstr(err.text, place->path));
	assert_true(exists(place->path));
	unlink(place->path);

	assert_int_equal(symlink("/nonexistent/x", place->path), 0);
	assert_null(open_named(place->socket, 0660, &err));
	assert_true(exists(place->path));
	unlink(place->path);

	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_null(open_named(place->socket, 0660, &err));
	assert_true(exists(place->path));
	unlink(place->path);

	/* A datagram socket cannot be asked whether somebody lives there. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_null(open_named(place->socket, 0660, &err));
	assert_true(exists(place->path));
	close(fd);
	unlink(place->path);
}

/* The path is a newer instance's when the older one ends. */
static void path_of_somebody_else_is_not_removed(void **state)
{
	const struct place *place = *state;
	struct err err;
	struct listener *first = open_named(place->socket, 0660, &err), *second;

	assert_non_null(first);
	unlink(place->path);
	second = open_named(place->socket, 0660, &err);
	assert_non_null(second);
	listener_close(&first);
	assert_true(exists(place->path));
	int fd = connect_to(place->path);
	assert_true(fd >= 0);
	close(fd);
	listener_close(&second);
	assert_false(exists(place->path));
}

static void socket_in_no_directory(void **state)
{
	struct err err;

	(void)state;
	assert_null(open_named("unix:/nonexistent/dir/x.sock", 0660, &err));
	assert_non_null(strstr(err.text, "unix:/nonexistent/dir/x.sock"));
}

static void port_of_somebody_else(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	struct listener *listener;
	struct err err;
	char text[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	snprintf(text, sizeof(text), "inet:%d@127.0.0.1", ntohs(address.sin_port));
	assert_null(open_named(text, 0, &err));
	assert_non_null(strstr(err.text, text));
	close(fd);
	listener = open_named(text, 0, &err);
	assert_non_null(listener);
	listener_close(&listener);
}

/* ---- from systemd ---- */

static void set_listen(const char *pid, const char *fds)
{
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", fds, 1);
}

static void inherited_sockets_are_counted(void **state)
{
	char mine[32];

	(void)state;
	snprintf(mine, sizeof(mine), "%ld", (long)getpid());
	set_listen(mine, "2");
	assert_int_equal(listener_inherited_fds(), 2);
	assert_null(getenv("LISTEN_FDS")); /* nobody else shall believe it */
	assert_int_equal(listener_inherited_fds(), 0);
	set_listen("1", "1");
	assert_int_equal(listener_inherited_fds(), 0);
	set_listen(mine, "-1");
	assert_int_equal(listener_inherited_fds(), 0);
	set_listen(mine, "99999999999");
	assert_int_equal(listener_inherited_fds(), 0);
}

/* In a process of its own, where descriptor 3 can be had. */
static int inherit_in_child(int type, bool listening)
{
	struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	struct err err = { "" };
	struct listener *listener;
	int fd = socket(AF_UNIX, type, 0);

	if (bind(fd, (const struct sockaddr *)&unnamed, sizeof(sa_family_t)) || (listening && listen(fd, 1)) ||
	    dup2(fd, 3) != 3)
		return 9;
	listener = listener_inherit(&err);
	if (!listener)
		return err.text[0] ? 1 : 9;
	if (listener_fd(listener) != 3 || !(fcntl(3, F_GETFL) & O_NONBLOCK) || !(fcntl(3, F_GETFD) & FD_CLOEXEC))
		return 9;
	listener_close(&listener);
	return 0;
}

static int inherit(int type, bool listening)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(inherit_in_child(type, listening));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

static void inherited_socket_must_listen(void **state)
{
	(void)state;
	assert_int_equal(inherit(SOCK_STREAM, true), 0);
	assert_int_equal(inherit(SOCK_STREAM, false), 1);
	assert_int_equal(inherit(SOCK_DGRAM, false), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(socket_names_are_read),
		cmocka_unit_test(wrong_socket_names_are_refused),
		cmocka_unit_test(directories_of_sockets),
		WITH_PLACE(socket_is_made_and_removed),
		WITH_PLACE(socket_of_a_living_owner_is_left_alone),
		WITH_PLACE(socket_of_a_dead_owner_is_taken_over),
		WITH_PLACE(what_is_no_socket_is_never_removed),
		WITH_PLACE(path_of_somebody_else_is_not_removed),
		cmocka_unit_test(socket_in_no_directory),
		cmocka_unit_test(port_of_somebody_else),
		cmocka_unit_test(inherited_sockets_are_counted),
		cmocka_unit_test(inherited_socket_must_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
