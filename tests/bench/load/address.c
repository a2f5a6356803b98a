/* SPDX-License-Identifier: BSD-2-Clause */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_unix(struct socket_address *address, const char *path, struct err *err)
{
	struct sockaddr_un *to = (struct sockaddr_un *)(void *)&address->storage;

	const size_t octets = strlen(path) + 1;

	if (!*path || octets > sizeof(to->sun_path))
		return err_set(err, "unix:%s: a path of 1 to %zu octets is wanted", path, sizeof(to->sun_path) - 1);
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path, octets);
	address->length = sizeof(*to);
	return 0;
}

static int parse_inet(struct socket_address *address, int family, const char *text, struct err *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&address->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&address->storage;
	char *at, host[64];
	const unsigned long port = strtoul(text, &at, 10);
	size_t length = *at == '@' ? strlen(at + 1) : 0;

	if (at == text || port < 1 || port > 65535 || length == 0 || length >= sizeof(host))
		return err_set(err, "\"%s\": PORT@ADDRESS is wanted", text);
	memcpy(host, at + 1, length + 1);
	if (host[0] == '[' && host[length - 1] == ']') {
		memmove(host, host + 1, length);
		host[length - 2] = '\0';
	}
	if (inet_pton(family, host, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr) != 1)
		return err_set(err, "\"%s\" is no address of this family", host);
	address->storage.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		v4->sin_port = htons((uint16_t)port);
	else
		v6->sin6_port = htons((uint16_t)port);
	address->length = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	return 0;
}

int socket_address_parse(struct socket_address *address, const char *text, struct err *err)
{
	*address = (struct socket_address){ 0 };
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(address, text + 5, err);
	if (strncmp(text, "local:", 6) == 0)
		return parse_unix(address, text + 6, err);
	if (strncmp(text, "inet:", 5) == 0)
		return parse_inet(address, AF_INET, text + 5, err);
	if (strncmp(text, "inet6:", 6) == 0)
		return parse_inet(address, AF_INET6, text + 6, err);
	return err_set(err, "\"%s\": unix:PATH, inet:PORT@ADDRESS or inet6:PORT@ADDRESS is wanted", text);
}

int socket_address_connect(const struct socket_address *address)
{
	const int family = address->storage.ss_family, on = 1;
	const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0 || errno == EINPROGRESS)
		return fd;
	const int why = errno;
	close(fd);
	errno = why;
	return -1;
}
