/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen - the listening socket under libmilter: whose it is, how to get away from it, and the kick.
 *
 * libmilter's pool of workers strands sessions: one that becomes ready while another thread is still on its way to
 * sleep waits until any other event comes along. A connection to our own socket is such an event: the thread that takes
 * it takes every stranded session too. So a callback kicks before it blocks.
 *
 * Threads: listen_open() and listen_detach() by one thread; the others by any.
 */
#ifndef MAILREEVE_MILTER_LISTEN_H
#define MAILREEVE_MILTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct listen;

/*
 * `shared_fd` is the supervisor's socket; `libmilter_fd` the number under which libmilter accepts (often the same).
 * NULL with err.
 */
struct listen *listen_open(int shared_fd, int libmilter_fd, struct err *err);

/* Connect to the socket that libmilter accepts from, and close. Never blocks, never fails visibly. */
void listen_kick(struct listen *listen);

/* Put a private listening socket in the place of the shared one. 0 or -1. */
int listen_detach(struct listen *listen, struct err *err);

/* Do connections wait in the shared socket's backlog? false after listen_detach(). */
bool listen_pending(const struct listen *listen);

/* Connections of this process that were accepted from the shared socket and are still open. */
unsigned listen_connections(const struct listen *listen);

/*
 * For a libmilter that does not know "fd:N": a private address in libmilter's own syntax, of the same family as the
 * shared socket (libmilter compares it), and afterwards the exchange: the fd on which libmilter listens there becomes
 * the shared socket. Returns that fd, or -1 with err.
 */
void listen_private_address(int shared_fd, const char *private_dir, char *text, size_t size);
int listen_exchange(int shared_fd, const char *private_address, struct err *err);

#endif
