/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench/delay - a DNS server that is far away: questions go on to another one, answers come back after a fixed time.
 *
 *   tests/bench/delay LISTEN_ADDRESS SERVER_ADDRESS FIFO      both at port 53, IPv4, UDP
 *
 * The delay is 0 until a line with another one (in milliseconds) is written into the FIFO, which it makes itself. Up to
 * 65,536 questions are on their way at a time; what comes beyond takes the place of the oldest. Ends with SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX  1400
#define SLOTS       65536
#define NS_A_SECOND 1000000000LL

struct question {
	struct sockaddr_in from;
	uint8_t ident[2];
	int64_t begun_ns;
};

struct answer {
	struct sockaddr_in to;
	int64_t due_ns;
	size_t octets;
	uint8_t packet[PACKET_MAX];
};

struct relay {
	int clients, server, fifo;
	int64_t delay_ns;
	uint16_t next;
	struct question *questions; /* by the number that our question has */
	struct answer *answers;     /* in the order in which they are due */
	size_t first, n;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_A_SECOND + now.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(const char *address, bool listens)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), octets = 8 << 20;

	if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
		die(address);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	if (listens ? bind(fd, (struct sockaddr *)&at, sizeof(at)) : connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die(address);
	return fd;
}

static void take_questions(struct relay *relay)
{
	uint8_t packet[PACKET_MAX];

	for (;;) {
		struct question *question = &relay->questions[relay->next];
		socklen_t size = sizeof(question->from);
		const ssize_t n = recvfrom(relay->clients, packet, sizeof(packet), 0,
		                           (struct sockaddr *)&question->from, &size);
		if (n < 0)
			return;
		if (n < 12)
			continue;
		memcpy(question->ident, packet, 2);
		question->begun_ns = now_ns();
		packet[0] = (uint8_t)(relay->next >> 8);
		packet[1] = (uint8_t)relay->next;
		relay->next++;
		(void)send(relay->server, packet, (size_t)n, 0);
	}
}

static void take_answers(struct relay *relay)
{
	while (relay->n < SLOTS) {
		struct answer *answer = &relay->answers[(relay->first + relay->n) % SLOTS];
		const ssize_t n = recv(relay->server, answer->packet, sizeof(answer->packet), 0);
		if (n < 0)
			return;
		if (n < 12)
			continue;
		const struct question *question = &relay->questions[answer->packet[0] << 8 | answer->packet[1]];
		memcpy(answer->packet, question->ident, 2);
		answer->to = question->from;
		answer->due_ns = question->begun_ns + relay->delay_ns;
		answer->octets = (size_t)n;
		relay->n++;
	}
}

static void send_due(struct relay *relay)
{
	for (; relay->n; relay->n--, relay->first = (relay->first + 1) % SLOTS) {
		const struct answer *answer = &relay->answers[relay->first];
		if (answer->due_ns > now_ns())
			return;
		(void)sendto(relay->clients, answer->packet, answer->octets, 0, (const struct sockaddr *)&answer->to,
		             sizeof(answer->to));
	}
}

static void read_delay(struct relay *relay)
{
	char text[64];
	const ssize_t n = read(relay->fifo, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = '\0';
	relay->delay_ns = (int64_t)(strtod(text, NULL) * 1e6);
}

int main(int argc, char **argv)
{
	struct relay relay = { 0 };

	if (argc != 4) {
		fprintf(stderr, "usage: delay LISTEN_ADDRESS SERVER_ADDRESS FIFO\n");
		return 64;
	}
	relay.clients = open_socket(argv[1], true);
	relay.server = open_socket(argv[2], false);
	if (mkfifo(argv[3], 0600) && errno != EEXIST)
		die(argv[3]);
	relay.fifo = open(argv[3], O_RDWR | O_NONBLOCK);
	relay.questions = calloc(SLOTS, sizeof(*relay.questions));
	relay.answers = calloc(SLOTS, sizeof(*relay.answers));
	if (relay.fifo < 0 || !relay.questions || !relay.answers)
		die(argv[3]);
	for (;;) {
		struct pollfd fds[] = { { relay.clients, POLLIN, 0 },
			                { relay.server, POLLIN, 0 },
			                { relay.fifo, POLLIN, 0 } };
		const int64_t left_ns = relay.n ? relay.answers[relay.first].due_ns - now_ns() : NS_A_SECOND;
		const struct timespec span = { 0, left_ns < 0 ? 0 : left_ns % NS_A_SECOND };
		(void)ppoll(fds, 3, relay.n || left_ns < NS_A_SECOND ? &span : NULL, NULL);
		read_delay(&relay);
		take_questions(&relay);
		take_answers(&relay);
		send_due(&relay);
	}
}
