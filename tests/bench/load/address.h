/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - where the filter listens.
 */
#ifndef MAILREEVE_LOAD_ADDRESS_H
#define MAILREEVE_LOAD_ADDRESS_H

#include <sys/socket.h>

#include "base/err.h"

struct socket_address {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* "unix:PATH", "local:PATH", "inet:PORT@ADDRESS", "inet6:PORT@ADDRESS"; numbers, no names. Returns 0 or -1. */
int socket_address_parse(struct socket_address *address, const char *text, struct err *err);

/*
 * A non-blocking socket that is connected, or about to be. Returns it, or -1 with errno: EAGAIN where the queue of the
 * listener is full.
 */
int socket_address_connect(const struct socket_address *address);

#endif
