/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/base.h"

/* ---- signals ---- */

static const int handled[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD };

static sigset_t handled_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < COUNT(handled); i++)
		sigaddset(&set, handled[i]);
	return set;
}

void control_signals_hold(sigset_t *before)
{
	const sigset_t set = handled_set();

	(void)sigprocmask(SIG_SETMASK, &set, before);
	/* Ignored, it would make the kernel forget how a child ended. */
	(void)signal(SIGCHLD, SIG_DFL);
	/* Nor may a standard error that nobody reads any more end us. */
	(void)signal(SIGPIPE, SIG_IGN);
}

int control_signals_open(struct err *err)
{
	const sigset_t set = handled_set();
	int fd;

	/*
	 * nohup(1) and shells leave some ignored. Those that came meanwhile are not lost: Linux keeps what is blocked.
	 */
	for (size_t i = 0; i < COUNT(handled); i++)
		(void)signal(handled[i], SIG_DFL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set(err, "signalfd: %s", strerror(errno)) : fd;
}

/* ---- messages ---- */

int control_open(int ends[2], struct err *err)
{
	/* SEQPACKET keeps messages whole and, unlike DGRAM, tells when the other end is gone. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return err_set(err, "socketpair: %s", strerror(errno));
	return 0;
}

bool control_send(int fd, enum control_kind kind, int32_t value, const char *text)
{
	struct control_message message = { .kind = kind, .value = value };
	size_t octets;

	snprintf(message.text, sizeof(message.text), "%s", text ? text : "");
	octets = offsetof(struct control_message, text) + strlen(message.text) + 1;
	return send(fd, &message, octets, MSG_NOSIGNAL) == (ssize_t)octets;
}

enum control_status control_receive(int fd, struct control_message *message)
{
	ssize_t octets;

	memset(message, 0, sizeof(*message));
	octets = recv(fd, message, sizeof(*message), 0);
	if (octets < 0 && (errno == EAGAIN || errno == EINTR))
		return CONTROL_NOTHING;
	if (octets <= (ssize_t)offsetof(struct control_message, text))
		return CONTROL_ENDED;
	message->text[sizeof(message->text) - 1] = '\0';
	return CONTROL_MESSAGE;
}
