/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_base - err, log, arena, clock and siphash.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/siphash.h"
#include "base/strbuf.h"

static void err_says_what_failed(void **state)
{
	struct err err = { "" };
	char huge[2 * ERR_TEXT_MAX];

	(void)state;
	assert_int_equal(err_set(&err, "timeout_ms = %d: must be 1 to %d", 0, 30000), -1);
	assert_string_equal(err.text, "timeout_ms = 0: must be 1 to 30000");
	/* context put in front of a text that is there already */
	err_set(&err, "%s:%d: %s", "mailreeve.conf", 7, err.text);
	assert_string_equal(err.text, "mailreeve.conf:7: timeout_ms = 0: must be 1 to 30000");

	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(err_set(&err, "%s", huge), -1);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_set(NULL, "nobody wants to know"), -1);
}

/* Standard error as a socket that keeps the borders of each write(2). */
struct capture {
	int saved, reader;
	char line[LOG_LINE_MAX + 64];
};

static void capture_open(struct capture *capture)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	fflush(stderr);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved >= 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	capture->reader = ends[0];
}

/* The next write, or "" when there was none. */
static const char *capture_next(struct capture *capture)
{
	ssize_t n = recv(capture->reader, capture->line, sizeof(capture->line) - 1, MSG_DONTWAIT);

	capture->line[n > 0 ? n : 0] = '\0';
	return capture->line;
}

static void capture_close(struct capture *capture)
{
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->reader);
}

static const struct {
	enum log_level most, level;
	const char *text;
	const char *want; /* after "mailreeve[PID]: "; NULL: nothing is written */
} log_cases[] = {
	{ LOG_LEVEL_INFO, LOG_LEVEL_ERROR, "no socket", "error: no socket\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_WARNING, "no answer", "warning: no answer\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_INFO, "sid=1 action=accept", "sid=1 action=accept\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, "detail", NULL },
	{ LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG, "detail", "detail\n" },
	{ LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, "no answer", NULL },
	{ LOG_LEVEL_INFO, LOG_LEVEL_INFO, "a\r\nmailreeve[1]: forged\t\x1b[2J\x7f", "a??mailreeve[1]: forged??[2J?\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_INFO, "C1 \xc2\x9b UTF-8 \xc3\xbc", "C1 ?? UTF-8 \xc3\xbc\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_INFO, "cut \xc2", "cut \xc2\n" },
	{ LOG_LEVEL_INFO, LOG_LEVEL_INFO, "", "\n" },
};

static void log_writes_one_clean_line_at_a_time(void **state)
{
	char head[64];
	struct capture capture;

	(void)state;
	snprintf(head, sizeof(head), "mailreeve[%ld]: ", (long)getpid());
	for (size_t i = 0; i < COUNT(log_cases); i++) {
		capture_open(&capture);
		log_open(LOG_TO_STDERR, log_cases[i].most);
		log_write(log_cases[i].level, "%s", log_cases[i].text);
		capture_next(&capture);
		capture_close(&capture);
		if (log_cases[i].want == NULL) {
			assert_string_equal(capture.line, "");
			continue;
		}
		assert_int_equal(strncmp(capture.line, head, strlen(head)), 0);
		assert_string_equal(capture.line + strlen(head), log_cases[i].want);
	}
}

static void log_cuts_long_lines(void **state)
{
	static char text[3 * LOG_LINE_MAX];
	struct capture capture;
	size_t octets;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_open(&capture);
	log_warning("%s", text);
	octets = strlen(capture_next(&capture));
	capture_close(&capture);
	assert_int_equal(octets, LOG_LINE_MAX);
	assert_string_equal(capture.line + octets - 5, "x...\n");

	/* the longest text that fits is not cut: try every length around it */
	for (size_t n = LOG_LINE_MAX - 64; n <= LOG_LINE_MAX; n++) {
		size_t want;
		capture_open(&capture);
		log_info("%.*s", (int)n, text);
		octets = strlen(capture_next(&capture));
		capture_close(&capture);
		want = (size_t)snprintf(NULL, 0, "mailreeve[%ld]: ", (long)getpid()) + n + 1;
		assert_int_equal(octets, want < LOG_LINE_MAX ? want : LOG_LINE_MAX);
		assert_int_equal(strstr(capture.line, "...") != NULL, want > LOG_LINE_MAX);
	}
}

/* Standard error may be gone; the caller's errno is still the caller's. */
static void log_keeps_errno(void **state)
{
	struct capture capture;
	int kept;

	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_open(&capture);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_error("nobody reads this");
	kept = errno;
	capture_close(&capture);
	assert_int_equal(kept, ENOENT);
}

static void log_to_syslog_leaves_stderr_alone(void **state)
{
	struct capture capture;

	(void)state;
	capture_open(&capture);
	log_open(LOG_TO_SYSLOG, LOG_LEVEL_INFO);
	log_debug("dropped: this is a test of the log");
	log_info("this is a test of the log");
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_next(&capture);
	capture_close(&capture);
	assert_string_equal(capture.line, "");
}

static void arena_gives_aligned_zeroed_memory(void **state)
{
	struct arena_quota quota = { 0, 1 << 20 };
	struct arena arena;
	unsigned char *last = NULL;

	(void)state;
	arena_open(&arena, &quota);
	for (size_t octets = 0; octets < 3000; octets += 7) {
		unsigned char *memory = arena_alloc(&arena, octets);
		assert_non_null(memory);
		assert_ptr_not_equal(memory, last);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < octets; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xa5, octets); /* a neighbour that shares an octet would see it */
		arena_copy(&arena, "odd", octets % 4);
		last = memory;
	}
	arena_close(&arena);
	assert_int_equal(quota.used_octets, 0);
}

static void arena_copies_survive_growth(void **state)
{
	struct arena_quota quota = { 0, 1 << 20 };
	char *copies[2000], want[32];
	struct arena arena;

	(void)state;
	arena_open(&arena, &quota);
	for (size_t i = 0; i < COUNT(copies); i++) {
		snprintf(want, sizeof(want), "host%zu.example.org", i);
		copies[i] = arena_strdup(&arena, want);
	}
	for (size_t i = 0; i < COUNT(copies); i++) {
		snprintf(want, sizeof(want), "host%zu.example.org", i);
		assert_string_equal(copies[i], want);
	}
	assert_null(arena_strdup(&arena, NULL));
	assert_null(arena_copy(&arena, NULL, 3));
	assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_copy(&arena, "example.org", 7), "example");
	arena_close(&arena);
}

struct undone {
	char *order;
	char name;
};

static void note_undone(void *context)
{
	const struct undone *undone = context;
	const size_t length = strlen(undone->order);

	undone->order[length] = undone->name;
	undone->order[length + 1] = '\0';
}

static void arena_undoes_what_was_deferred_newest_first(void **state)
{
	struct arena_quota quota = { 0, 1 << 20 };
	struct arena arena;
	char order[8] = "";

	(void)state;
	arena_open(&arena, &quota);
	for (const char *name = "abc"; *name != '\0'; name++) {
		struct undone *undone = arena_alloc(&arena, sizeof(*undone));
		*undone = (struct undone){ order, *name };
		arena_defer(&arena, note_undone, undone);
	}
	assert_string_equal(order, "");
	arena_reset(&arena);
	assert_string_equal(order, "cba");
	arena_reset(&arena);
	arena_defer(&arena, note_undone, &(struct undone){ order, 'd' });
	arena_close(&arena);
	assert_string_equal(order, "cbad");
	assert_int_equal(quota.used_octets, 0);
}

static void arena_is_small_while_little_is_said(void **state)
{
	struct arena_quota quota = { 0, 1 << 20 };
	struct arena arena;

	(void)state;
	arena_open(&arena, &quota);
	assert_int_equal(quota.used_octets, 0);
	arena_reset(&arena);
	arena_strdup(&arena, "mail.example.org");
	arena_strdup(&arena, "192.0.2.1");
	assert_true(quota.used_octets <= 256);
	for (int i = 0; i < 20; i++)
		arena_strdup(&arena, "somebody@example.org");
	assert_true(quota.used_octets <= 1024);
	arena_close(&arena);
}

static void arena_large_pieces_do_not_waste_the_rest(void **state)
{
	struct arena_quota quota = { 0, 1 << 20 };
	struct arena arena;
	size_t before;

	(void)state;
	arena_open(&arena, &quota);
	arena_alloc(&arena, 100000); /* the very first one, too */
	assert_true(quota.used_octets < 100000 + 64);
	arena_reset(&arena);

	arena_strdup(&arena, "small");
	before = quota.used_octets;
	memset(arena_alloc(&arena, 100000), 1, 100000);
	assert_true(quota.used_octets - before < 100000 + 64);
	before = quota.used_octets;
	arena_strdup(&arena, "small");
	assert_int_equal(quota.used_octets, before); /* the chunk in use before is still in use */
	arena_close(&arena);
	assert_int_equal(quota.used_octets, 0);
}

static void arenas_share_a_soft_quota(void **state)
{
	struct arena_quota quota = { 0, 4096 };
	struct arena connection, message, boundless;

	(void)state;
	arena_open(&connection, &quota);
	arena_open(&message, &quota);
	arena_open(&boundless, NULL);
	arena_alloc(&connection, 1000);
	assert_false(arena_full(&connection));
	arena_alloc(&message, 4000);
	assert_true(arena_full(&connection));
	assert_true(arena_full(&message));
	assert_non_null(arena_alloc(&connection, 10000)); /* soft: never refused */
	arena_reset(&message);
	assert_true(arena_full(&message));
	arena_reset(&connection);
	assert_false(arena_full(&message));
	assert_int_equal(quota.used_octets, 0);
	assert_non_null(arena_strdup(&message, "usable after reset"));
	arena_alloc(&boundless, 100000);
	assert_false(arena_full(&boundless));
	arena_close(&connection);
	arena_close(&message);
	arena_close(&boundless);
	arena_close(&boundless); /* as reset: twice is harmless */
}

static void memory_is_zeroed_and_grows(void **state)
{
	char *memory = memory_new(16), *copy = memory_strdup("example.org");

	(void)state;
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(memory[i], 0);
	memcpy(memory, "kept", 5);
	memory = memory_grow(memory, 4096);
	assert_string_equal(memory, "kept");
	assert_string_equal(copy, "example.org");
	assert_null(memory_strdup(NULL));
	free(memory);
	free(copy);
	memory = memory_new(0);
	assert_non_null(memory);
	free(memory);
}

static void clock_runs_forward(void **state)
{
	clock_ms before = clock_now(), after;
	struct timespec point;

	(void)state;
	assert_true(before > 0);
	after = clock_now();
	assert_true(after >= before);
	assert_true(clock_min(before, before + 1) == before);
	assert_true(clock_min(before + 1, before) == before);
	point = clock_timespec(12345);
	assert_int_equal(point.tv_sec, 12);
	assert_int_equal(point.tv_nsec, 345000000);
	point = clock_timespec(-1); /* long ago, not an error of pthread_cond_timedwait */
	assert_int_equal(point.tv_sec, 0);
	assert_int_equal(point.tv_nsec, 0);
	point = clock_timespec(INT64_MAX);
	assert_true(point.tv_sec == INT64_MAX / 1000);
	assert_true(point.tv_nsec < 1000000000);
}

/* The first octets of the vectors published with the reference implementation: key 00..0f, message 00, 01, 02, ... */
static const struct {
	size_t octets;
	uint64_t want;
} siphash_cases[] = {
	{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },  { 8, 0x93f5f5799a932462 },
	{ 15, 0xa129ca6149be45e5 }, { 16, 0x3f2acc7f57c29bdb }, { 63, 0x958a324ceb064572 },
};

static void siphash_meets_the_published_vectors(void **state)
{
	const struct siphash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t message[65];

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(siphash_cases); i++)
		assert_true(siphash(&key, message, siphash_cases[i].octets) == siphash_cases[i].want);
	/* from an address that is aligned for nothing */
	for (size_t i = 0; i < 64; i++)
		message[i + 1] = (uint8_t)i;
	assert_true(siphash(&key, message + 1, 63) == 0x958a324ceb064572);
	assert_true(siphash(&key, NULL, 0) == 0x726fdb47dd0e0e31);
}

static void siphash_keys_differ(void **state)
{
	struct siphash_key a = siphash_new_key(), b = siphash_new_key();

	(void)state;
	assert_true(a.k0 != b.k0 || a.k1 != b.k1);
	assert_true(siphash(&a, "example.org", 11) != siphash(&b, "example.org", 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_says_what_failed),
		cmocka_unit_test(log_writes_one_clean_line_at_a_time),
		cmocka_unit_test(log_cuts_long_lines),
		cmocka_unit_test(log_keeps_errno),
		cmocka_unit_test(log_to_syslog_leaves_stderr_alone),
		cmocka_unit_test(arena_gives_aligned_zeroed_memory),
		cmocka_unit_test(arena_copies_survive_growth),
		cmocka_unit_test(arena_undoes_what_was_deferred_newest_first),
		cmocka_unit_test(arena_is_small_while_little_is_said),
		cmocka_unit_test(arena_large_pieces_do_not_waste_the_rest),
		cmocka_unit_test(arenas_share_a_soft_quota),
		cmocka_unit_test(memory_is_zeroed_and_grows),
		cmocka_unit_test(clock_runs_forward),
		cmocka_unit_test(siphash_meets_the_published_vectors),
		cmocka_unit_test(siphash_keys_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
