/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_peers - mail servers of many kinds, and what is none, on addresses of the loopback network: each listens on an
 * address of its own, and all on the same port. Included by the test programs of the reverse greeting.
 *
 * A peer talks to one client at a time, counts who came, and writes down what the last one said.
 */
#ifndef MAILREEVE_TESTS_PROBE_PEERS_H
#define MAILREEVE_TESTS_PROBE_PEERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/ip.h"

#define PEERS_MAX       24
#define PEER_FIRST      10 /* 127.0.0.10 is the first one */
#define PEER_HEARD_MAX  512
#define PEER_PATIENCE_S 60 /* far beyond what any test takes */
#define PEER_TRICKLE_MS 50

enum peer_kind {
	PEER_TALKS,     /* says its banner, answers EHLO and QUIT */
	PEER_GATED,     /* the same, once the gate is open */
	PEER_SILENT,    /* says nothing */
	PEER_TRICKLES,  /* says its banner, one octet at a time, again and again */
	PEER_ENDLESS,   /* the same, as fast as it can */
	PEER_CLOSES,    /* hangs up at once */
	PEER_RESETS,    /* the same, with a reset */
	PEER_ABSENT,    /* does not listen */
	PEER_BLACKHOLE, /* listens, and never takes a connection */
};

struct peer {
	enum peer_kind kind;
	const char *banner; /* after it the peer hangs up if `ehlo` is NULL */
	size_t banner_octets;
	const char *ehlo; /* its answer to EHLO; "": it does not answer */
	/* its own */
	struct ip ip;
	int fd;
	pthread_t thread;
	atomic_int *gate, *stop;
	atomic_int accepted, ended;
	pthread_mutex_t lock; /* guards heard */
	char heard[PEER_HEARD_MAX];
};

struct peers {
	struct peer *peers;
	size_t n;
	int port;
	atomic_int gate, stop;
	int fillers[8]; /* of the black hole */
	size_t n_fillers;
};

static inline void peer_address(size_t index, int port, struct sockaddr_in *in)
{
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	in->sin_addr.s_addr = htonl(0x7f000000u + PEER_FIRST + (uint32_t)index);
}

/* ---- talking ---- */

static inline bool peer_readable(const struct peer *peer, int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (!atomic_load(peer->stop) && timeout_ms > 0) {
		if (poll(&wait, 1, 10) > 0)
			return true;
		timeout_ms -= 10;
	}
	return false;
}

static inline bool peer_says(int fd, const char *text, size_t octets)
{
	return send(fd, text, octets, MSG_NOSIGNAL) == (ssize_t)octets;
}

/* Wait for a line, and write it down. False: the client has gone. */
static inline bool peer_hears(struct peer *peer, int fd, char *line, size_t size)
{
	size_t octets = 0, written;

	while (octets + 1 < size && peer_readable(peer, fd, PEER_PATIENCE_S * 1000)) {
		if (recv(fd, line + octets, 1, 0) != 1)
			return false;
		line[++octets] = '\0';
		if (line[octets - 1] == '\n') {
			pthread_mutex_lock(&peer->lock);
			written = strlen(peer->heard);
			snprintf(peer->heard + written, sizeof(peer->heard) - written, "%s", line);
			pthread_mutex_unlock(&peer->lock);
			return true;
		}
	}
	return false;
}

static inline void peer_talks(struct peer *peer, int fd)
{
	char line[PEER_HEARD_MAX];

	if (!peer_says(fd, peer->banner, peer->banner_octets) || peer->ehlo == NULL)
		return;
	while (peer_hears(peer, fd, line, sizeof(line))) {
		if (strncmp(line, "EHLO ", 5) == 0)
			peer_says(fd, peer->ehlo, strlen(peer->ehlo));
		else if (strcmp(line, "QUIT\r\n") == 0)
			peer_says(fd, "221 Bye\r\n", 9);
	}
}

/* Until the client has had enough. */
static inline void peer_goes_on(struct peer *peer, int fd)
{
	static const struct timespec pause = { .tv_nsec = PEER_TRICKLE_MS * 1000000L };
	const size_t piece = peer->kind == PEER_ENDLESS ? peer->banner_octets : 1;

	for (size_t at = 0; !atomic_load(peer->stop); at = (at + piece) % peer->banner_octets) {
		if (!peer_says(fd, peer->banner + at, piece))
			return;
		if (peer->kind == PEER_TRICKLES)
			nanosleep(&pause, NULL);
	}
}

static inline void peer_serves(struct peer *peer, int fd)
{
	static const struct linger at_once = { .l_onoff = 1 };
	char octet;

	while (peer->kind == PEER_GATED && !atomic_load(peer->gate) && !atomic_load(peer->stop))
		poll(NULL, 0, 5);
	switch (peer->kind) {
	case PEER_TALKS:
	case PEER_GATED:
		peer_talks(peer, fd);
		break;
	case PEER_SILENT:
		while (peer_readable(peer, fd, PEER_PATIENCE_S * 1000) && recv(fd, &octet, 1, 0) == 1)
			continue;
		break;
	case PEER_TRICKLES:
	case PEER_ENDLESS:
		peer_goes_on(peer, fd);
		break;
	case PEER_RESETS:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		break;
	default:
		break;
	}
}

static inline void *peer_run(void *context)
{
	struct peer *peer = context;

	while (!atomic_load(peer->stop)) {
		if (!peer_readable(peer, peer->fd, PEER_PATIENCE_S * 1000))
			continue;
		const int fd = accept(peer->fd, NULL, NULL);
		if (fd < 0)
			continue;
		atomic_fetch_add(&peer->accepted, 1);
		pthread_mutex_lock(&peer->lock);
		peer->heard[0] = '\0';
		pthread_mutex_unlock(&peer->lock);
		peer_serves(peer, fd);
		close(fd);
		atomic_fetch_add(&peer->ended, 1);
	}
	return NULL;
}

/* ---- all of them ---- */

static inline bool peer_bind(struct peer *peer, size_t index, int port)
{
	static const int on = 1;
	struct sockaddr_in in;

	peer_address(index, port, &in);
	peer->ip = ip_from_sockaddr((const struct sockaddr *)&in);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(peer->fd, (const struct sockaddr *)&in, sizeof(in)) == 0;
}

/* All on one port; false: it is not free on one of the addresses. */
static inline bool peers_try(struct peers *peers)
{
	struct sockaddr_in in = { 0 };
	socklen_t octets = sizeof(in);

	assert_true(peer_bind(&peers->peers[0], 0, 0));
	assert_int_equal(getsockname(peers->peers[0].fd, (struct sockaddr *)&in, &octets), 0);
	peers->port = ntohs(in.sin_port);
	for (size_t bound = 1; bound < peers->n; bound++) {
		if (peer_bind(&peers->peers[bound], bound, peers->port))
			continue;
		for (size_t i = 0; i <= bound; i++)
			close(peers->peers[i].fd);
		return false;
	}
	return true;
}

static inline void peers_bind(struct peers *peers)
{
	for (int attempt = 0; attempt < 20; attempt++) {
		if (peers_try(peers))
			return;
	}
	fail_msg("no port is free on %zu addresses", peers->n);
}

/* Connections that nobody takes, until there is room for no more of them. */
static inline void peers_fill(struct peers *peers, size_t index)
{
	struct sockaddr_in in;

	peer_address(index, peers->port, &in);
	for (size_t i = 0; i < sizeof(peers->fillers) / sizeof(peers->fillers[0]); i++) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		(void)connect(fd, (const struct sockaddr *)&in,
		              sizeof(in)); /* how far it comes is the kernel's affair */
		peers->fillers[peers->n_fillers++] = fd;
	}
}

static inline void peers_open(struct peers *peers, struct peer *list, size_t n)
{
	assert_true(n <= PEERS_MAX);
	memset(peers, 0, sizeof(*peers));
	peers->peers = list;
	peers->n = n;
	peers_bind(peers);
	for (size_t i = 0; i < n; i++) {
		struct peer *peer = &list[i];
		peer->gate = &peers->gate;
		peer->stop = &peers->stop;
		pthread_mutex_init(&peer->lock, NULL);
		if (peer->kind == PEER_ABSENT) {
			close(peer->fd);
			peer->fd = -1;
			continue;
		}
		assert_int_equal(listen(peer->fd, peer->kind == PEER_BLACKHOLE ? 0 : 64), 0);
		if (peer->kind == PEER_BLACKHOLE)
			peers_fill(peers, i);
		else
			assert_int_equal(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
	}
}

static inline void peers_close(struct peers *peers)
{
	atomic_store(&peers->stop, 1);
	for (size_t i = 0; i < peers->n; i++) {
		struct peer *peer = &peers->peers[i];
		if (peer->kind != PEER_ABSENT && peer->kind != PEER_BLACKHOLE)
			pthread_join(peer->thread, NULL);
		if (peer->fd >= 0)
			close(peer->fd);
		pthread_mutex_destroy(&peer->lock);
	}
	for (size_t i = 0; i < peers->n_fillers; i++)
		close(peers->fillers[i]);
}

/* What the last client said, once `clients` of them have gone. */
static inline const char *peer_heard(struct peer *peer, int clients, char text[PEER_HEARD_MAX])
{
	for (int i = 0; atomic_load(&peer->ended) < clients; i++) {
		if (i > PEER_PATIENCE_S * 100)
			fail_msg("the client stays");
		poll(NULL, 0, 10);
	}
	pthread_mutex_lock(&peer->lock);
	memcpy(text, peer->heard, PEER_HEARD_MAX);
	pthread_mutex_unlock(&peer->lock);
	return text;
}

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a string that initialises an array must stand bare */
#define PEER_BANNER(text) .banner = text, .banner_octets = sizeof(text) - 1
#define PEER_GOOD(name)   PEER_BANNER("220 " name " ESMTP\r\n"), .ehlo = "250-" name " hello\r\n250 SIZE 1000\r\n"

#endif
