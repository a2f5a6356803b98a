/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/clock.h"

#define NO_ID                 ((uid_t)-1) /* the kernel\'s "leave it", for users and groups */
#define LISTEN_BACKLOG        1024
#define LISTEN_INHERITED_FD   3    /* where systemd begins */
#define DIRECTORY_PATIENCE_MS 5000 /* somebody else may hold the directory's lock for a moment */
#define IN_USE_PATIENCE_MS    1500 /* how long somebody must be seen to own a socket or a port */
#define LOOK_EVERY_MS         150  /* every look is a connection to a living owner */
#define TRY_EVERY_MS          20
#define WHERE_MAX             320 /* octets of an option's name and value */

struct listener {
	int fd;
	char *name;
	char *path; /* NULL: none, or not ours to remove */
	dev_t dev;
	ino_t ino;
};

static void sleep_ms(long ms)
{
	const struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&span, NULL);
}

static const struct sockaddr *generic(const struct listener_address *address)
{
	return (const struct sockaddr *)&address->address;
}

static const char *path_of(const struct listener_address *address)
{
	return ((const struct sockaddr_un *)&address->address)->sun_path;
}

/* ---- what the configuration says ---- */

static int parse_unix(struct listener_address *address, const char *path, struct err *err)
{
	struct sockaddr_un *name = (struct sockaddr_un *)&address->address;
	const size_t octets = strlen(path);

	if (path[0] != '/')
		return err_set(err, "the path must begin with a slash, as in \"unix:/run/mailreeve/mailreeve.sock\"");
	if (octets >= sizeof(name->sun_path))
		return err_set(err, "the path has %zu octets; a socket's may have %zu", octets,
		               sizeof(name->sun_path) - 1);
	name->sun_family = AF_UNIX;
	memcpy(name->sun_path, path, octets + 1);
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + octets + 1);
	return 0;
}

static bool is_port(const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	const long port = digits > 0 && digits <= 5 && !text[digits] ? strtol(text, NULL, 10) : 0;

	return port > 0 && port <= 65535;
}

/* An address without its square brackets, "localhost" as an address. */
static void plain_host(char *host, int family)
{
	const size_t octets = strlen(host);

	if (strcmp(host, "localhost") == 0) {
		snprintf(host, sizeof("localhost"), "%s", family == AF_INET ? "127.0.0.1" : "::1");
	} else if (octets > 2 && host[0] == '[' && host[octets - 1] == ']') {
		memmove(host, host + 1, octets - 2);
		host[octets - 2] = '\0';
	}
}

static int parse_inet(struct listener_address *address, int family, const char *rest, struct err *err)
{
	const struct addrinfo hints = { .ai_family = family,
		                        .ai_socktype = SOCK_STREAM,
		                        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *found = NULL;
	char copy[256], *host;

	if (snprintf(copy, sizeof(copy), "%s", rest) >= (int)sizeof(copy))
		return err_set(err, "it is too long");
	host = strchr(copy, '@');
	if (host)
		*host++ = '\0';
	if (!is_port(copy))
		return err_set(err, "\"%s\" must be a port, 1 to 65535, as in \"inet:8895@127.0.0.1\"", copy);
	if (host)
		plain_host(host, family);
	if (getaddrinfo(host, copy, &hints, &found) || !found)
		return err_set(err, "\"%s\" must be an IPv%c address", host ? host : "", family == AF_INET ? '4' : '6');
	memcpy(&address->address, found->ai_addr, found->ai_addrlen);
	address->length = found->ai_addrlen;
	address->everywhere = !host;
	freeaddrinfo(found);
	return 0;
}

int listener_parse(struct listener_address *address, const char *text, struct err *err)
{
	static const struct {
		const char *prefix;
		int family;
	} kinds[] = { { "unix:", AF_UNIX }, { "local:", AF_UNIX }, { "inet:", AF_INET }, { "inet6:", AF_INET6 } };

	memset(address, 0, sizeof(*address));
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const size_t octets = strlen(kinds[i].prefix);
		if (strncmp(text, kinds[i].prefix, octets) != 0)
			continue;
		if (kinds[i].family == AF_UNIX)
			return parse_unix(address, text + octets, err);
		return parse_inet(address, kinds[i].family, text + octets, err);
	}
	return err_set(err, "must be \"unix:PATH\", \"inet:PORT@ADDRESS\" or \"inet6:PORT@ADDRESS\"");
}

bool listener_is_local(const struct listener_address *address)
{
	const struct sockaddr_in *inet = (const struct sockaddr_in *)&address->address;
	const struct sockaddr_in6 *inet6 = (const struct sockaddr_in6 *)&address->address;

	if (address->address.ss_family == AF_INET)
		return ntohl(inet->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->address.ss_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&inet6->sin6_addr);
}

void listener_directory(const struct listener_address *address, char *directory, size_t size)
{
	const char *slash;

	directory[0] = '\0';
	if (address->address.ss_family != AF_UNIX)
		return;
	slash = strrchr(path_of(address), '/');
	if (slash == path_of(address))
		snprintf(directory, size, "/");
	else
		snprintf(directory, size, "%.*s", (int)(slash - path_of(address)), path_of(address));
}

/* ---- whose is it? ---- */

enum owner { OWNER_NOBODY, OWNER_ALIVE, OWNER_UNKNOWN };

/* Somebody who listens need not answer: the kernel connects us, or tells that the queue is full. errno for
 * OWNER_UNKNOWN. */
static enum owner owner_look(const struct listener_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enum owner owner = OWNER_UNKNOWN;
	int error;

	if (fd < 0)
		return OWNER_UNKNOWN;
	error = connect(fd, generic(address), address->length) ? errno : 0;
	if (error == 0 || error == EAGAIN)
		owner = OWNER_ALIVE;
	else if (error == ECONNREFUSED)
		owner = OWNER_NOBODY;
	close(fd);
	errno = error;
	return owner;
}

/* The worker of a supervisor that was killed leaves the socket at once, but not in no time: who is alive must be so for
 * a while. */
static enum owner owner_wait(const struct listener_address *address)
{
	const clock_ms end = clock_now() + IN_USE_PATIENCE_MS;
	enum owner owner;

	while ((owner = owner_look(address)) == OWNER_ALIVE && clock_now() < end)
		sleep_ms(LOOK_EVERY_MS);
	return owner;
}

/* Make room at the path. Called with the directory locked. */
static int path_clear(const char *where, const struct listener_address *address, struct err *err)
{
	const char *path = path_of(address);
	struct stat st;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		return err_set(err, "%s: %s", where, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(err,
		               "%s: there is something else than a socket at this path; remove it or name "
		               "another path",
		               where);
	switch (owner_wait(address)) {
	case OWNER_NOBODY:
		break;
	case OWNER_UNKNOWN:
		if (errno == ENOENT)
			return 0;
		return err_set(err, "%s: whether somebody uses it cannot be told: %s", where, strerror(errno));
	default:
		return err_set(err, "%s: another instance owns it", where);
	}
	if (unlink(path) && errno != ENOENT)
		return err_set(err, "%s: left behind by a dead instance, and cannot be removed: %s", where,
		               strerror(errno));
	return 0;
}

/* Whoever looks at, makes or removes a socket of ours holds this. Returns the fd, or -1 with errno. */
static int directory_lock(const char *path)
{
	const clock_ms end = clock_now() + DIRECTORY_PATIENCE_MS;
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');
	int fd, error;

	snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		error = errno;
		if (error != EWOULDBLOCK || clock_now() >= end) {
			close(fd);
			errno = error;
			return -1;
		}
		sleep_ms(TRY_EVERY_MS);
	}
	return fd;
}

/* ---- making it ---- */

/* Owner and group by a handle on the socket itself: a path could be exchanged meanwhile in a directory that is not
 * root's. */
static int rights_set(struct listener *listener, const char *path, const struct listener_rights *rights)
{
	struct stat st;
	uid_t uid = rights->uid;
	gid_t gid = rights->gid;
	int result = -1;
	int handle = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (handle < 0)
		return -1;
	errno = EEXIST;
	if (fstat(handle, &st) == 0 && S_ISSOCK(st.st_mode)) {
		listener->dev = st.st_dev;
		listener->ino = st.st_ino;
		if (gid == NO_ID && st.st_gid == getegid())
			gid = rights->fallback_gid;
		/* A hardened unit may not call chown at all: only where there is something to change. */
		uid = uid == st.st_uid ? NO_ID : uid;
		gid = gid == st.st_gid ? NO_ID : gid;
		result = uid == NO_ID && gid == NO_ID ? 0 : fchownat(handle, "", uid, gid, AT_EMPTY_PATH);
	}
	close(handle);
	return result;
}

static int bind_unix(struct listener *listener, const char *where, const struct listener_address *address,
                     const struct listener_rights *rights, struct err *err)
{
	const char *path = path_of(address);
	mode_t old;
	int failed;

	/* The path gets the mode of the open socket, so that it is right from the first moment; until listen() nobody
	 * can connect anyway. */
	old = umask(0);
	failed = fchmod(listener->fd, rights->mode) || bind(listener->fd, generic(address), address->length);
	umask(old);
	if (failed)
		return err_set(err, "%s: %s", where, strerror(errno));
	listener->path = memory_strdup(path);
	if (rights_set(listener, path, rights))
		return err_set(err, "%s: cannot be given to its user and group: %s", where, strerror(errno));
	return 0;
}

static int bind_inet(int fd, const char *where, const struct listener_address *address, struct err *err)
{
	const clock_ms end = clock_now() + IN_USE_PATIENCE_MS;
	const int on = 1;

	/* Never SO_REUSEPORT: a second instance would silently take half of the connections. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	while (bind(fd, generic(address), address->length)) {
		if (errno != EADDRINUSE)
			return err_set(err, "%s: %s", where, strerror(errno));
		if (clock_now() >= end)
			return err_set(err, "%s: another instance, or another program, owns this port", where);
		sleep_ms(TRY_EVERY_MS);
	}
	return 0;
}

static int listener_make(struct listener *listener, const char *where, const struct listener_address *address,
                         const struct listener_rights *rights, struct err *err)
{
	const bool unix_socket = address->address.ss_family == AF_UNIX;

	listener->fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return err_set(err, "%s: %s", where, strerror(errno));
	if (unix_socket ? path_clear(where, address, err) || bind_unix(listener, where, address, rights, err)
	                : bind_inet(listener->fd, where, address, err))
		return -1;
	if (listen(listener->fd, LISTEN_BACKLOG))
		return err_set(err, "%s: %s", where,
		               errno == EADDRINUSE ? "another instance owns this port" : strerror(errno));
	return 0;
}

static void path_remove(const struct listener *listener)
{
	struct stat st;

	if (listener->path && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		(void)unlink(listener->path);
}

static void listener_free(struct listener **listener)
{
	if ((*listener)->fd >= 0)
		close((*listener)->fd);
	free((*listener)->name);
	free((*listener)->path);
	free(*listener);
	*listener = NULL;
}

struct listener *listener_open(const char *option, const char *text, const struct listener_address *address,
                               const struct listener_rights *rights, struct err *err)
{
	struct listener *listener = memory_new(sizeof(*listener));
	char where[WHERE_MAX];
	const bool unix_socket = address->address.ss_family == AF_UNIX;
	const int lock = unix_socket ? directory_lock(path_of(address)) : -1;

	listener->fd = -1;
	listener->name = memory_strdup(text);
	snprintf(where, sizeof(where), "%s = \"%s\"", option, text);
	if (unix_socket && lock < 0)
		err_set(err, "%s: its directory: %s", where, strerror(errno));
	else if (listener_make(listener, where, address, rights, err) == 0)
		goto done;
	path_remove(listener);
	listener_free(&listener);
done:
	if (lock >= 0)
		close(lock);
	return listener;
}

/* ---- from systemd ---- */

int listener_inherited_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const long n = pid && fds && strtol(pid, NULL, 10) == (long)getpid() ? strtol(fds, NULL, 10) : 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return n > 0 && n < 1024 ? (int)n : 0;
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

struct listener *listener_inherit(struct err *err)
{
	const int fd = LISTEN_INHERITED_FD;
	struct listener *listener;

	if (socket_option(fd, SO_TYPE) != SOCK_STREAM || socket_option(fd, SO_ACCEPTCONN) != 1) {
		err_set(err,
		        "descriptor %d, handed over by systemd, must be a listening stream socket (ListenStream=, "
		        "Accept=no)",
		        fd);
		return NULL;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)) {
		err_set(err, "descriptor %d, handed over by systemd: %s", fd, strerror(errno));
		return NULL;
	}
	listener = memory_new(sizeof(*listener));
	listener->fd = fd;
	listener->name = memory_strdup("the socket that systemd handed over");
	return listener;
}

const char *listener_name(const struct listener *listener)
{
	return listener->name;
}

int listener_fd(const struct listener *listener)
{
	return listener->fd;
}

void listener_close(struct listener **listener)
{
	int lock;

	if (!*listener)
		return;
	lock = (*listener)->path ? directory_lock((*listener)->path) : -1;
	path_remove(*listener);
	listener_free(listener);
	if (lock >= 0)
		close(lock);
}
