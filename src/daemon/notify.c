/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"

#define NOTIFY_TEXT_MAX 1024

struct notify {
	int fd;
	struct sockaddr_un address;
	socklen_t length;
};

/* A path, or '@' and an abstract name. */
static int address_fill(struct notify *notify, const char *text)
{
	const size_t octets = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || octets >= sizeof(notify->address.sun_path))
		return -1;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, text, octets + 1);
	notify->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + octets);
	if (text[0] == '@')
		notify->address.sun_path[0] = '\0';
	else
		notify->length++;
	return 0;
}

struct notify *notify_open(void)
{
	struct notify *notify = memory_new(sizeof(*notify));
	const char *name = getenv("NOTIFY_SOCKET");

	notify->fd = -1;
	if (name && address_fill(notify, name) == 0)
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)unsetenv("NOTIFY_SOCKET");
	if (notify->fd < 0)
		notify_close(&notify);
	return notify;
}

void notify_close(struct notify **notify)
{
	if (!*notify)
		return;
	if ((*notify)->fd >= 0)
		close((*notify)->fd);
	free(*notify);
	*notify = NULL;
}

void notify_send(struct notify *notify, const char *format, ...)
{
	char text[NOTIFY_TEXT_MAX];
	va_list arguments;

	if (!notify)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&notify->address,
	             notify->length);
}

void notify_reloading(struct notify *notify)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration",
	            (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_serving(struct notify *notify, bool ready, uint16_t digest, size_t draining)
{
	const char *variables = ready ? "READY=1\n" : "";

	if (draining)
		notify_send(notify, "%sSTATUS=serving, configuration %04x; %zu older workers finish their sessions",
		            variables, digest, draining);
	else
		notify_send(notify, "%sSTATUS=serving, configuration %04x", variables, digest);
}
