/* SPDX-License-Identifier: BSD-2-Clause */
#include "milter/listen.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"

#define PRIVATE_BACKLOG 16

struct listen_address {
	struct sockaddr_storage address;
	socklen_t length;
};

struct listen {
	struct listen_address shared, private;
	_Atomic(const struct listen_address *) kick; /* the one of the two that libmilter accepts from now */
	int fd;
};

static int address_of(int fd, struct listen_address *address)
{
	memset(address, 0, sizeof(*address));
	address->length = sizeof(address->address);
	return getsockname(fd, (struct sockaddr *)&address->address, &address->length);
}

struct listen *listen_open(int shared_fd, int libmilter_fd, struct err *err)
{
	struct listen *listen = memory_new(sizeof(*listen));

	listen->fd = libmilter_fd;
	if (address_of(shared_fd, &listen->shared)) {
		err_set(err, "getsockname on the listening socket: %s", strerror(errno));
		free(listen);
		return NULL;
	}
	atomic_init(&listen->kick, &listen->shared);
	return listen;
}

static void touch(const struct listen_address *to)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	/* Without this every kick of an inet socket leaves a port in TIME_WAIT. */
	if (to->address.ss_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)connect(fd, (const struct sockaddr *)&to->address, to->length);
	close(fd);
}

void listen_kick(struct listen *listen)
{
	touch(atomic_load(&listen->kick));
}

static int private_listener(struct listen_address *address, struct err *err)
{
	const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* A bare family makes the kernel choose an abstract name: nothing is left behind in a directory. */
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&unnamed, sizeof(sa_family_t)) == 0 &&
	    listen(fd, PRIVATE_BACKLOG) == 0 && address_of(fd, address) == 0)
		return fd;
	err_set(err, "private listening socket: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int listen_detach(struct listen *listen, struct err *err)
{
	int fd = private_listener(&listen->private, err);

	if (fd < 0)
		return -1;
	if (dup2(fd, listen->fd) < 0) {
		close(fd);
		return err_set(err, "dup2 over the listening socket: %s", strerror(errno));
	}
	close(fd);
	atomic_store(&listen->kick, &listen->private);
	/*
	 * libmilter's poll() sleeps on the shared socket and holds it open. Woken, it looks at what is under the number
	 * now, and sleeps on if that is not ready: so the private socket is made ready before the shared one wakes it.
	 */
	touch(&listen->private);
	touch(&listen->shared);
	return 0;
}

bool listen_pending(const struct listen *listen)
{
	struct pollfd poll_fd = { .fd = listen->fd, .events = POLLIN };

	return atomic_load(&listen->kick) == &listen->shared && poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLIN);
}

static in_port_t port_of(const struct listen_address *address)
{
	if (address->address.ss_family == AF_INET)
		return ((const struct sockaddr_in *)&address->address)->sin_port;
	return ((const struct sockaddr_in6 *)&address->address)->sin6_port;
}

static bool accepted_from(int fd, const struct listen_address *shared)
{
	struct listen_address mine, peer;

	if (address_of(fd, &mine) || mine.address.ss_family != shared->address.ss_family)
		return false;
	peer.length = sizeof(peer.address);
	if (getpeername(fd, (struct sockaddr *)&peer.address, &peer.length))
		return false;
	if (shared->address.ss_family == AF_UNIX)
		return mine.length == shared->length && memcmp(&mine.address, &shared->address, mine.length) == 0;
	return port_of(&mine) == port_of(shared);
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

/* Call `visit` for every open fd of this process until it returns true; returns that fd, or -1. */
static int each_fd(bool (*visit)(int fd, void *context), void *context)
{
	DIR *dir = opendir("/proc/self/fd");
	int found = -1;

	if (!dir)
		return -1;
	for (struct dirent *entry = readdir(dir); entry && found < 0; entry = readdir(dir)) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);
		if (end != entry->d_name && !*end && fd != dirfd(dir) && visit((int)fd, context))
			found = (int)fd;
	}
	closedir(dir);
	return found;
}

struct connection_count {
	const struct listen_address *shared;
	unsigned n;
};

static bool count_connection(int fd, void *context)
{
	struct connection_count *count = context;

	count->n += accepted_from(fd, count->shared);
	return false;
}

unsigned listen_connections(const struct listen *listen)
{
	struct connection_count count = { .shared = &listen->shared };

	each_fd(count_connection, &count);
	return count.n;
}

void listen_private_address(int shared_fd, const char *private_dir, char *text, size_t size)
{
	struct listen_address address;

	if (address_of(shared_fd, &address) == 0 && address.address.ss_family == AF_INET)
		snprintf(text, size, "inet:0@127.0.0.1");
	else if (address.address.ss_family == AF_INET6)
		snprintf(text, size, "inet6:0@::1");
	else
		snprintf(text, size, "unix:%s/.mailreeve-%ld.sock", private_dir, (long)getpid());
}

/* libmilter does not say which fd it listens on: it is the listening socket that is not the shared one. */
static bool is_other_listener(int fd, void *context)
{
	return fd != *(const int *)context && is_listening(fd);
}

int listen_exchange(int shared_fd, const char *private_address, struct err *err)
{
	int fd = each_fd(is_other_listener, &shared_fd);

	if (fd < 0)
		return err_set(err, "libmilter's listening socket was not found in /proc/self/fd");
	if (dup2(shared_fd, fd) < 0)
		return err_set(err, "dup2 over libmilter's listening socket: %s", strerror(errno));
	if (strncmp(private_address, "unix:", 5) == 0)
		(void)unlink(private_address + 5);
	return fd;
}
