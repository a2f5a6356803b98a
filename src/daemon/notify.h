/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - tells systemd how we are (the protocol of sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names).
 *
 * Without NOTIFY_SOCKET every call does nothing. Nothing here blocks or fails visibly.
 */
#ifndef MAILREEVE_DAEMON_NOTIFY_H
#define MAILREEVE_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct notify;

/* Reads NOTIFY_SOCKET and removes it from the environment. NULL: nobody wants to know. */
struct notify *notify_open(void);
void notify_close(struct notify **notify);

/* Lines of NAME=VALUE. `notify` may be NULL. */
void notify_send(struct notify *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A reload begins: RELOADING=1, with the time that systemd wants to see. `notify` may be NULL. */
void notify_reloading(struct notify *notify);

/*
 * STATUS: which configuration is served, and how many older workers drain. `ready`: with READY=1, for a start or a
 * reload that is over. `notify` may be NULL.
 */
void notify_serving(struct notify *notify, bool ready, uint16_t digest, size_t draining);

#endif
