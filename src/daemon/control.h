/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - how the daemon is told what to do: signals to the supervisor, and messages between it and a worker, over a
 * pair of connected sockets.
 *
 * One end each: when a process dies the other one reads CONTROL_ENDED. Nothing here ever blocks.
 */
#ifndef MAILREEVE_DAEMON_CONTROL_H
#define MAILREEVE_DAEMON_CONTROL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum control_kind {
	/* worker to supervisor */
	CONTROL_READY,    /* it serves */
	CONTROL_FAILED,   /* it cannot serve: text says why; it ends */
	CONTROL_LEFT,     /* it has left the shared socket: every new connection is somebody else's */
	CONTROL_SESSIONS, /* value: sessions alive; told on every change from the first DRAIN or STOP on */
	/* supervisor to worker; value: for how many milliseconds more sessions may run */
	CONTROL_DRAIN, /* leave the shared socket now, finish the sessions, end */
	CONTROL_STOP,  /* go on serving, but tell how many sessions are alive */
	CONTROL_CLOSE, /* after STOP: take what is still in the backlog, then as DRAIN */
};

struct control_message {
	enum control_kind kind;
	int32_t value;
	char text[ERR_TEXT_MAX];
};

enum control_status { CONTROL_MESSAGE, CONTROL_NOTHING, CONTROL_ENDED };

/*
 * From here on SIGHUP, SIGTERM, SIGINT, SIGUSR1 and SIGCHLD end nobody: they wait for control_signals_open(). Called
 * before anything is made that a sudden end would leave behind; a child inherits it. `before` receives the signals that
 * were blocked till now, for a process that is not to serve.
 */
void control_signals_hold(sigset_t *before);

/*
 * The descriptor (signalfd(2), non-blocking) that yields those signals, with those that have come since
 * control_signals_hold(), and also where our caller had them ignored. -1 with err.
 */
int control_signals_open(struct err *err);

/* ends[0] for the supervisor, ends[1] for the worker; both non-blocking and close-on-exec. 0 or -1. */
int control_open(int ends[2], struct err *err);

/* text may be NULL. false: the other side is gone, or has not read for long. */
bool control_send(int fd, enum control_kind kind, int32_t value, const char *text);

/* The next message, if there is one. */
enum control_status control_receive(int fd, struct control_message *message);

#endif
