/* SPDX-License-Identifier: BSD-2-Clause */
/* What a confined process still can: all that a worker needs, and what its libraries do. */
#include "sandbox_child.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/arena.h"
#include "base/clock.h"
#include "dns/dns.h"

#define PATIENCE_MS   10000
#define SERVER_LIFE_S 120

static void *count_up(void *context)
{
	++*(int *)context;
	(void)prctl(PR_SET_NAME, "counter", 0, 0, 0);
	return NULL;
}

static int threads_run(void)
{
	pthread_t threads[8];
	int counts[COUNT(threads)] = { 0 }, sum = 0;

	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_create(&threads[i], NULL, count_up, &counts[i]))
			return WRONG_RESULT;
	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_join(threads[i], NULL))
			return WRONG_RESULT;
	for (size_t i = 0; i < COUNT(threads); i++)
		sum += counts[i];
	return sum == (int)COUNT(threads) ? 0 : WRONG_RESULT;
}

static void *try_to_leave(void *context)
{
	*(int *)context = result_of(unshare(CLONE_NEWUSER));
	return NULL;
}

static int threads_are_confined(void)
{
	pthread_t thread;
	int error = 0;

	if (pthread_create(&thread, NULL, try_to_leave, &error) || pthread_join(thread, NULL))
		return WRONG_RESULT;
	return error == EPERM ? 0 : WRONG_RESULT;
}

/* Loads the name service's modules, and looks at the network's interfaces. */
static int names_are_resolved(void)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	const int numeric = getaddrinfo("127.0.0.1", "25", NULL, &found);

	if (numeric)
		return WRONG_RESULT;
	freeaddrinfo(found);
	if (getaddrinfo("localhost", "25", &hints, &found) == 0)
		freeaddrinfo(found);
	return 0;
}

static int interfaces_are_seen(void)
{
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return errno;
	freeifaddrs(all);
	return 0;
}

static int files_are_read(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];

	if (!file || !fgets(line, sizeof(line), file))
		return WRONG_RESULT;
	fclose(file);
	return 0;
}

static int death_by_own_hand(void)
{
	(void)signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0 ? 0 : WRONG_RESULT;
}

static int large_memory_comes_and_goes(void)
{
	char *memory = malloc(1 << 26), *larger;

	if (!memory)
		return WRONG_RESULT;
	memory[1 << 25] = 'x';
	larger = realloc(memory, 1 << 27);
	if (!larger) {
		free(memory);
		return WRONG_RESULT;
	}
	free(larger);
	return 0;
}

static int talk(int ear, int mouth)
{
	const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);

	if (bind(ear, (const struct sockaddr *)&unnamed, sizeof(sa_family_t)) || listen(ear, 1) ||
	    getsockname(ear, (struct sockaddr *)&address, &length) ||
	    connect(mouth, (const struct sockaddr *)&address, length) || accept(ear, NULL, NULL) < 0)
		return errno;
	return write(mouth, "x", 1) == 1 ? 0 : WRONG_RESULT;
}

static int connections_are_made(void)
{
	const int ear = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), mouth = socket(AF_UNIX, SOCK_STREAM, 0);
	const int error = ear < 0 || mouth < 0 ? errno : talk(ear, mouth);

	if (ear >= 0)
		close(ear);
	if (mouth >= 0)
		close(mouth);
	return error;
}

static const struct {
	const char *what;
	int (*act)(void);
} allowed[] = {
	{ "threads run", threads_run },
	{ "threads are confined too", threads_are_confined },
	{ "names are resolved", names_are_resolved },
	{ "files are read", files_are_read },
	{ "signals to itself", death_by_own_hand },
	{ "large memory", large_memory_comes_and_goes },
	{ "connections", connections_are_made },
};

static void what_is_needed_goes_on(void **state)
{
	static const enum sandbox_profile profiles[] = { SANDBOX_WORKER, SANDBOX_SERVER };

	(void)state;
	can_filter_or_skip();
	for (size_t p = 0; p < COUNT(profiles); p++)
		for (size_t i = 0; i < COUNT(allowed); i++) {
			const int status = confined(profiles[p], allowed[i].act);
			if (status)
				fail_msg("%s (profile %zu): wait status %#x", allowed[i].what, p, (unsigned)status);
		}
	assert_int_equal(confined(SANDBOX_WORKER, interfaces_are_seen), 0);
}

/* ---- the resolver ---- */

static uint16_t resolver_port;

/*
 * Answers every question with 192.0.2.1, until an empty datagram comes. A process of its own: a thread would be in the
 * way of the sanitizer that looks at threads.
 */
static _Noreturn void answer_questions(int fd)
{
	static const unsigned char answer[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	unsigned char packet[600];
	struct sockaddr_in from;

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t octets = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &length);
		size_t end = 12;

		if (octets < 17)
			_exit(0);
		while (end < (size_t)octets && packet[end])
			end += packet[end] + 1U;
		end += 5; /* the root, type and class; an OPT record behind it is left out */
		if (end > (size_t)octets)
			continue;
		packet[2] = 0x81, packet[3] = 0x80;
		memcpy(packet + 6, (const unsigned char[]){ 0, 1, 0, 0, 0, 0 }, 6);
		memcpy(packet + end, answer, sizeof(answer));
		(void)sendto(fd, packet, end + sizeof(answer), 0, (const struct sockaddr *)&from, length);
	}
}

static int ask_the_resolver(void)
{
	struct dns_settings settings = dns_default_settings();
	char server[40];
	const char *const servers[] = { server };
	struct err err = { "" };
	struct arena arena;
	struct dns *dns;
	struct dns_session *session;
	const struct dns_answer *answer = NULL;

	snprintf(server, sizeof(server), "127.0.0.1@%u", resolver_port);
	settings.mode = DNS_MODE_FORWARD;
	settings.forward = servers;
	settings.n_forward = 1;
	dns = dns_open(&settings, &err);
	if (!dns)
		return WRONG_RESULT;
	session = dns_session_open(dns);
	arena_open(&arena, NULL);
	return dns_wait(dns_ask(session, &arena, "mail.example.org", DNS_A, 0), clock_now() + PATIENCE_MS, &answer) ==
	                               DNS_FOUND &&
	                       answer->n_records == 1
	               ? 0
	               : WRONG_RESULT;
}

static void the_resolver_works(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t server;

	(void)state;
	can_filter_or_skip();
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	resolver_port = ntohs(address.sin_port);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		(void)alarm(SERVER_LIFE_S); /* whatever becomes of the test */
		answer_questions(fd);
	}
	assert_int_equal(confined(SANDBOX_WORKER, ask_the_resolver), 0);
	/* Too short to be a question: it ends the answering. */
	assert_int_equal(sendto(fd, "", 0, 0, (const struct sockaddr *)&address, length), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_needed_goes_on),
		cmocka_unit_test(the_resolver_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
