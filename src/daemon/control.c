/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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
