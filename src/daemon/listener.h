/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener - the socket to which the MTA connects: made, taken over from a dead instance, never from a living one.
 *
 * Threads: the supervisor's only one. Owns: the supervisor's copy of the socket, and its path.
 */
#ifndef MAILREEVE_DAEMON_LISTENER_H
#define MAILREEVE_DAEMON_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"

struct listener_address {
	struct sockaddr_storage address; /* ss_family says which */
	socklen_t length;
	bool everywhere; /* no address was given: every one of this machine */
};

/*
 * "unix:PATH", "local:PATH", "inet:PORT@ADDRESS", "inet6:PORT@ADDRESS" (the address may be in square brackets, or
 * "localhost"), or without the address. 0, or -1 with err, which says what would be right and not where the text comes
 * from.
 */
int listener_parse(struct listener_address *address, const char *text, struct err *err);

/* Can only this machine connect to it: a unix socket, 127.0.0.0/8, ::1? */
bool listener_is_local(const struct listener_address *address);

/* The directory of a unix socket ("/" and the like for "unix:/name"); "" for any other. Cut at `size`. */
void listener_directory(const struct listener_address *address, char *directory, size_t size);

struct listener;

struct listener_rights { /* of a unix socket */
	mode_t mode;
	uid_t uid;          /* (uid_t)-1: as it comes */
	gid_t gid;          /* (gid_t)-1: the directory's group where that is setgid, else fallback_gid */
	gid_t fallback_gid; /* (gid_t)-1: the process's own */
};

/*
 * Make the socket. Errors begin with the `option` and `text`, its value as configured. A unix socket that nobody
 * listens on is replaced; one with a living owner, or anything that is no socket, is left alone. NULL with err.
 */
struct listener *listener_open(const char *option, const char *text, const struct listener_address *address,
                               const struct listener_rights *rights, struct err *err);

/* Is there a socket from systemd for us (LISTEN_PID, LISTEN_FDS)? It then sits on descriptors 3 and up: how many.
 * Clears the environment. */
int listener_inherited_fds(void);

/* Take the one on descriptor 3. Its path is not ours to remove. NULL with err. */
struct listener *listener_inherit(struct err *err);

/* What it is called: as it was configured, or that it came from systemd. */
const char *listener_name(const struct listener *listener);

/* The listening socket: bound, non-blocking, close-on-exec. */
int listener_fd(const struct listener *listener);

/* Our part is over: remove the path, if it is still ours, and close our copy of the socket. NULL is accepted. */
void listener_close(struct listener **listener);

#endif
