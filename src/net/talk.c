/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

#define READ_OCTETS        2048 /* at a time: whoever talks much has to wait for the others */
#define SOCKET_OCTETS_MAX  8192 /* the kernel need not take more for us than we read */
#define COMMAND_OCTETS_MAX (DOMAIN_OCTETS_MAX + 16)
#define CODE_SERVICE_READY 220
#define CODE_OK            250

/* ---- how it ends ---- */

static void next_step(struct talk *talk, enum talk_state state, int span_ms, clock_ms now)
{
	talk->state = state;
	talk->deadline = clock_min(now + span_ms, talk->end);
}

static void conclude(struct talk *talk, enum probe_outcome outcome, const char *why)
{
	talk->reply.outcome = outcome;
	talk->reply.why = why;
	talk->state = TALK_OVER;
}

/* From TALK_EHLO on the greeting is known, and nothing that happens later takes it back. */
static void conclude_unless_known(struct talk *talk, enum probe_outcome outcome, const char *why)
{
	if (talk->state >= TALK_EHLO)
		talk->state = TALK_OVER;
	else
		conclude(talk, outcome, why);
}

static void fail_to_connect(struct talk *talk, int error)
{
	switch (error) {
	case ECONNREFUSED:
		conclude(talk, PROBE_REFUSED, "");
		break;
	case ECONNRESET: /* it was connected, and is no more */
		conclude(talk, PROBE_SILENT, "reset");
		break;
	case ETIMEDOUT:
		conclude(talk, PROBE_UNREACHABLE, "timeout");
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENOPROTOOPT: /* ICMP errors of rarer kinds */
	case EPROTO:
		conclude(talk, PROBE_UNREACHABLE, "no route");
		break;
	default: /* no descriptors, no ports, a filter of our own */
		conclude(talk, PROBE_UNSURE, "local fault");
	}
}

static bool expired(const struct talk *talk, clock_ms now)
{
	return now >= talk->deadline;
}

static void give_up(struct talk *talk)
{
	if (talk->state == TALK_CONNECTING)
		conclude(talk, PROBE_UNREACHABLE, "timeout");
	else
		conclude_unless_known(talk, PROBE_SILENT, talk->banner.octets > 0 ? "incomplete" : "timeout");
}

/* ---- connecting ---- */

static socklen_t make_address(struct sockaddr_storage *storage, const struct ip *ip, int port)
{
	memset(storage, 0, sizeof(*storage));
	if (ip->family == 4) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
		memcpy(&in.sin_addr, ip->octets, sizeof(in.sin_addr));
		memcpy(storage, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	memcpy(&in6.sin6_addr, ip->octets, sizeof(in6.sin6_addr));
	memcpy(storage, &in6, sizeof(in6));
	return sizeof(in6);
}

static void begin_connecting(struct talk *talk, const struct ip *address)
{
	static const int octets_max = SOCKET_OCTETS_MAX;
	struct sockaddr_storage storage;
	const socklen_t octets = make_address(&storage, address, talk->settings->port);

	talk->fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (talk->fd < 0) {
		conclude(talk, PROBE_UNSURE, "local fault");
		return;
	}
	setsockopt(talk->fd, SOL_SOCKET, SO_RCVBUF, &octets_max, sizeof(octets_max));
	/* on loopback it may be connected at once; the first event says so in any case */
	if (connect(talk->fd, (const struct sockaddr *)&storage, octets) != 0 && errno != EINPROGRESS)
		fail_to_connect(talk, errno);
}

void talk_open(struct talk *talk, const struct probe_settings *settings, const struct ip *address,
               const char *ehlo_name, clock_ms now)
{
	memset(talk, 0, sizeof(*talk));
	talk->settings = settings;
	talk->reply.outcome = PROBE_UNSURE;
	talk->reply.why = "local fault"; /* until something is known */
	talk->end = now + settings->total_ms;
	if (ehlo_name != NULL && domain_is_hostname(ehlo_name))
		snprintf(talk->ehlo_name, sizeof(talk->ehlo_name), "%s", ehlo_name);
	next_step(talk, TALK_CONNECTING, settings->connect_ms, now);
	begin_connecting(talk, address);
}

void talk_close(struct talk *talk)
{
	if (talk->fd >= 0)
		close(talk->fd);
	talk->fd = -1;
	talk->state = TALK_OVER;
}

bool talk_wants_to_write(const struct talk *talk)
{
	return talk->state == TALK_CONNECTING;
}

static void connected(struct talk *talk, clock_ms now)
{
	int error = 0;
	socklen_t octets = sizeof(error);

	if (getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &error, &octets) != 0)
		error = errno;
	if (error != 0) {
		fail_to_connect(talk, error);
		return;
	}
	banner_open(&talk->banner, (size_t)talk->settings->octets_max, false);
	next_step(talk, TALK_GREETING, talk->settings->step_ms, now);
}

/* ---- what we say ---- */

/* A fresh connection has room for a command; where it has none the peer is no mail server, and it is over. */
static bool say(struct talk *talk, const char *command)
{
	const size_t octets = strlen(command);

	if (send(talk->fd, command, octets, MSG_NOSIGNAL) == (ssize_t)octets)
		return true;
	talk->state = TALK_OVER;
	return false;
}

/* RFC 5321 4.1.4: a client without a name of its own says its address as a literal. */
static void say_ehlo(struct talk *talk, clock_ms now)
{
	struct sockaddr_storage storage = { 0 };
	socklen_t octets = sizeof(storage);
	char text[IP_TEXT_MAX], command[COMMAND_OCTETS_MAX];
	struct ip own;

	if (talk->ehlo_name[0] != '\0') {
		snprintf(command, sizeof(command), "EHLO %s\r\n", talk->ehlo_name);
	} else {
		getsockname(talk->fd, (struct sockaddr *)&storage, &octets);
		own = ip_from_sockaddr((const struct sockaddr *)&storage);
		snprintf(command, sizeof(command), "EHLO [%s%s]\r\n", own.family == 6 ? "IPv6:" : "",
		         ip_format(&own, text));
	}
	next_step(talk, TALK_EHLO, talk->settings->step_ms, now);
	banner_open(&talk->banner, (size_t)talk->settings->octets_max, true);
	say(talk, command);
}

static void say_quit(struct talk *talk, clock_ms now)
{
	next_step(talk, TALK_QUIT, talk->settings->step_ms, now);
	banner_open(&talk->banner, (size_t)talk->settings->octets_max, true);
	say(talk, "QUIT\r\n");
}

/* ---- what the peer says ---- */

static void take_greeting(struct talk *talk, clock_ms now)
{
	const struct banner *banner = &talk->banner;

	switch (banner->state) {
	case BANNER_MORE:
		return;
	case BANNER_NOT_SMTP:
		conclude(talk, PROBE_NOT_SMTP, "");
		return;
	case BANNER_TOO_LONG:
		conclude(talk, PROBE_NOT_SMTP, "endless");
		return;
	case BANNER_COMPLETE:
		break;
	}
	talk->reply.why = "";
	talk->reply.code = banner->code;
	talk->reply.outcome = banner->code == CODE_SERVICE_READY ? PROBE_GREETED : PROBE_REFUSED_BY_PEER;
	if (talk->reply.outcome == PROBE_REFUSED_BY_PEER) {
		say_quit(talk, now);
		return;
	}
	memcpy(talk->reply.greeting, banner->name, sizeof(talk->reply.greeting));
	say_ehlo(talk, now);
}

static void take_answer(struct talk *talk, clock_ms now)
{
	const struct banner *banner = &talk->banner;

	if (banner->state == BANNER_MORE)
		return;
	if (banner->state != BANNER_COMPLETE) {
		talk->state = TALK_OVER;
		return;
	}
	if (banner->code == CODE_OK)
		memcpy(talk->reply.ehlo, banner->name, sizeof(talk->reply.ehlo));
	say_quit(talk, now);
}

static void take_octets(struct talk *talk, const uint8_t *octets, size_t length, clock_ms now)
{
	size_t used;

	while (length > 0 && talk->state != TALK_OVER) {
		const enum banner_state state = banner_feed(&talk->banner, octets, length, &used);
		octets += used;
		length -= used;
		if (talk->state == TALK_GREETING)
			take_greeting(talk, now);
		else if (talk->state == TALK_EHLO)
			take_answer(talk, now);
		else if (state != BANNER_MORE) /* 221, or whatever it says for a farewell */
			talk->state = TALK_OVER;
	}
}

static void read_more(struct talk *talk, clock_ms now)
{
	uint8_t octets[READ_OCTETS];
	const ssize_t got = recv(talk->fd, octets, sizeof(octets), 0);

	if (got > 0)
		take_octets(talk, octets, (size_t)got, now);
	else if (got == 0)
		conclude_unless_known(talk, PROBE_SILENT, "closed");
	else if (errno != EAGAIN && errno != EINTR)
		conclude_unless_known(talk, PROBE_SILENT, errno == ECONNRESET ? "reset" : "closed");
}

void talk_step(struct talk *talk, bool ready, clock_ms now)
{
	if (talk->state == TALK_OVER)
		return;
	if (ready && talk->state == TALK_CONNECTING)
		connected(talk, now);
	else if (ready)
		read_more(talk, now);
	if (talk->state != TALK_OVER && expired(talk, now))
		give_up(talk);
}
