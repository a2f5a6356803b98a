/* SPDX-License-Identifier: BSD-2-Clause */
/* The load generator: its percentiles, its options and lists, and what it lets a filter say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

#include "../bench/load/filter.h"
#include "../bench/load/histogram.h"
#include "../bench/load/lists.h"
#include "../bench/load/macros.h"
#include "../bench/load/options.h"
#include "../bench/load/stats.h"

/* ---- percentiles ---- */

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Against the sorted numbers themselves, from a few nanoseconds to many seconds. */
static void test_percentiles(void **state)
{
	static struct histogram histogram;
	static uint64_t spans[10000];
	const unsigned per_milles[] = { 1, 10, 500, 900, 990, 999, 1000 };
	uint64_t random = 1, sum = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		spans[i] = (random >> 24) >> (random >> 58);
		sum += spans[i];
		histogram_add(&histogram, (int64_t)spans[i]);
	}
	qsort(spans, COUNT(spans), sizeof(spans[0]), by_size);
	for (size_t i = 0; i < COUNT(per_milles); i++) {
		const uint64_t want = spans[COUNT(spans) * per_milles[i] / 1000 - 1];
		const uint64_t have = histogram_percentile(&histogram, per_milles[i]);
		const uint64_t off = have > want ? have - want : want - have;
		if (off * 100 > want)
			fail_msg("%u of 1000: %llu instead of %llu", per_milles[i], (unsigned long long)have,
			         (unsigned long long)want);
	}
	assert_int_equal(histogram.max_ns, spans[COUNT(spans) - 1]);
	assert_int_equal(histogram_mean(&histogram), sum / COUNT(spans));
}

static void test_percentiles_at_the_edges(void **state)
{
	static struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_percentile(&histogram, 500), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
	histogram_add(&histogram, -5);
	assert_int_equal(histogram_percentile(&histogram, 1000), 0);
	histogram_add(&histogram, 1000);
	assert_int_equal(histogram_percentile(&histogram, 500), 0);
	assert_true(histogram_percentile(&histogram, 501) >= 990 && histogram_percentile(&histogram, 501) <= 1000);
	histogram_add(&histogram, INT64_MAX);
	assert_true(histogram_percentile(&histogram, 999) > 3600 * UINT64_C(1000000000));
	assert_int_equal(histogram_percentile(&histogram, 1000), INT64_MAX);
}

/* ---- options ---- */

static int parse(struct load_options *options, struct err *err, const char *const *words)
{
	char *argv[16], copies[16][64];
	int n = 0;

	snprintf(copies[0], sizeof(copies[0]), "mailreeve-load");
	argv[n++] = copies[0];
	for (; *words; words++, n++) {
		snprintf(copies[n], sizeof(copies[n]), "%s", *words);
		argv[n] = copies[n];
	}
	argv[n] = NULL;
	return load_options_parse(options, n, argv, err);
}

static void test_options(void **state)
{
	static const char *const words[] = {
		"--socket=unix:/s", "--rate",      "12.5",    "--smtp-rtt-ms=0.5", "--idle=7",
		"--idle-at",        "rcpt",        "--pid=1", "--pid=2",           "--offer-protocol=7f",
		"--pipelining",     "--seconds=2", NULL
	};
	struct load_options options;
	struct err err = { "" };

	(void)state;
	assert_int_equal(parse(&options, &err, words), 0);
	assert_true(options.rate > 12.4 && options.rate < 12.6);
	assert_int_equal(options.rtt_ns, 500000);
	assert_int_equal(options.idle, 7);
	assert_int_equal(options.idle_at, LOAD_RCPT);
	assert_int_equal(options.n_pids, 2);
	assert_int_equal(options.pids[1], 2);
	assert_int_equal(options.offer_protocol, 0x7f);
	assert_true(options.pipelining);
	assert_int_equal(options.messages, 0);
	assert_int_equal(options.connections, 4);
}

static void test_options_refused(void **state)
{
	static const struct {
		const char *words[4], *why;
	} cases[] = {
		{ { NULL }, "--socket is missing" },
		{ { "--connections=0" }, "--connections=0: a number from 1" },
		{ { "--connections=1.5" }, "--connections=1.5" },
		{ { "--rate=nan" }, "--rate=nan" },
		{ { "--rate=1x" }, "--rate=1x" },
		{ { "--idle-at=lunch" }, "no such stage" },
		{ { "--socket=unix:/s", "--idle=1", "--idle-at=eom" }, "--idle-at" },
		{ { "--offer-actions=xyz" }, "hexadecimal" },
		{ { "--bogus" }, "--bogus" },
		{ { "more" }, "more" },
	};
	struct load_options options;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		assert_int_equal(parse(&options, &err, cases[i].words), -1);
		if (!strstr(err.text, cases[i].why))
			fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].why);
	}
}

/* ---- lists ---- */

static void test_clients(void **state)
{
	char one[] = "192.0.2.7\n", two[] = "2001:db8::7 \t mx.example.net - <>\n", three[] = "# none\n",
	     bad[] = "example.net\n";
	struct load_lists lists = { 0 };
	struct err err = { "" };

	(void)state;
	assert_int_equal(load_lists_add_client(&lists, one, &err), 0);
	assert_int_equal(load_lists_add_client(&lists, two, &err), 0);
	assert_int_equal(load_lists_add_client(&lists, three, &err), 0);
	assert_int_equal(load_lists_add_client(&lists, bad, &err), -1);
	assert_int_equal(lists.n_clients, 2);
	assert_string_equal(lists.clients[0].address, "192.0.2.7");
	assert_string_equal(lists.clients[0].name, "unknown");
	assert_int_equal(lists.clients[0].family, '4');
	assert_string_equal(lists.clients[1].address, "IPv6:2001:db8::7");
	assert_string_equal(lists.clients[1].helo, "mx.example.net");
	assert_string_equal(lists.clients[1].sender, "<>");
	assert_int_equal(lists.clients[1].family, '6');
	load_lists_close(&lists);
}

static void test_messages(void **state)
{
	static const char text[] = "From: a@example.net\r\nSubject:  two\n\tlines \nX:\n\nbody\nmore\r\n";
	struct load_lists lists = { 0 };
	struct err err = { "" };

	(void)state;
	assert_int_equal(load_lists_add_text(&lists, text, sizeof(text) - 1, &err), 0);
	const struct load_message *message = &lists.messages[0];
	assert_int_equal(message->n_fields, 3);
	assert_string_equal(message->fields[0].value, " a@example.net");
	assert_string_equal(message->fields[1].name, "Subject");
	assert_string_equal(message->fields[1].value, "  two\n\tlines ");
	assert_string_equal(message->fields[2].value, "");
	assert_int_equal(message->body_octets, 12);
	assert_memory_equal(message->body, "body\r\nmore\r\n", 12);
	assert_int_equal(load_lists_add_text(&lists, "no field\n\n", 10, &err), -1);
	load_lists_close(&lists);
	load_lists_complete(&lists);
	assert_int_equal(lists.n_clients, 254);
	assert_int_equal(lists.n_messages, 1);
	load_lists_close(&lists);
}

/* ---- what a filter may say ---- */

static const struct filter_terms everything = { .version = 6,
	                                        .actions = MILTER_ALL_ACTIONS,
	                                        .protocol = MILTER_ALL_PROTOCOL };

#define PACKET(command, text)                                      \
	(struct wire_packet)                                       \
	{                                                          \
		command, (const uint8_t *)(text), sizeof(text) - 1 \
	}
#define TERMS "\0\0\0\6\0\0\0\1\0\0\4\0"

static void test_terms(void **state)
{
	static const struct {
		struct wire_packet packet;
		bool good;
	} cases[] = {
		{ { 'O', (const uint8_t *)TERMS, 12 }, true },
		{ { 'O', (const uint8_t *)TERMS, 11 }, false },
		{ { 'c', (const uint8_t *)TERMS, 12 }, false },
		{ { 'O', (const uint8_t *)"\0\0\0\7\0\0\0\1\0\0\4\0", 12 }, false },
		{ { 'O', (const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\4\0", 12 }, false },
		{ { 'O', (const uint8_t *)"\0\0\0\6\0\0\2\1\0\0\4\0", 12 }, false },
		{ { 'O', (const uint8_t *)"\0\0\0\6\0\0\0\1\x80\0\4\0", 12 }, false },
		{ { 'O', (const uint8_t *)TERMS "\0\0\0\2i v\0", 20 }, true },
		{ { 'O', (const uint8_t *)TERMS "\0\0\0\2i v", 19 }, false },
		{ { 'O', (const uint8_t *)TERMS "\0\0\0\x9i v\0", 20 }, false },
		{ { 'O', (const uint8_t *)TERMS "\0\0\0", 15 }, false },
	};
	struct filter_terms terms, fewer = everything;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		if ((filter_read_terms(&terms, &everything, &cases[i].packet, &err) == 0) != cases[i].good)
			fail_msg("case %zu: %s", i, err.text);
	}
	fewer.actions = ACT_ADDHDRS;
	assert_int_equal(filter_read_terms(&terms, &fewer, &cases[7].packet, NULL), -1);
	assert_int_equal(filter_read_terms(&terms, &everything, &cases[7].packet, NULL), 0);
	assert_string_equal(terms.symbols[SYMBOLS_MAIL], "i v");
	assert_true(terms.listed[SYMBOLS_MAIL] && !terms.listed[SYMBOLS_RCPT]);
}

static void test_replies(void **state)
{
	static const struct {
		struct wire_packet packet;
		enum load_stage stage;
		enum filter_reply reply;
	} cases[] = {
		{ { 'c', NULL, 0 }, LOAD_MAIL, REPLY_CONTINUE },
		{ { 'c', (const uint8_t *)"x", 1 }, LOAD_MAIL, REPLY_BROKEN },
		{ { 'p', NULL, 0 }, LOAD_RCPT, REPLY_PROGRESS },
		{ { 's', NULL, 0 }, LOAD_BODY, REPLY_SKIP },
		{ { 's', NULL, 0 }, LOAD_EOM, REPLY_BROKEN },
		{ { 'y', (const uint8_t *)"550 5.7.1 no", 13 }, LOAD_RCPT, REPLY_REJECT },
		{ { 'y', (const uint8_t *)"451-4.7.1 no", 13 }, LOAD_RCPT, REPLY_TEMPFAIL },
		{ { 'y', (const uint8_t *)"250 2.0.0 ok", 13 }, LOAD_RCPT, REPLY_BROKEN },
		{ { 'y', (const uint8_t *)"550 5.7.1 no", 12 }, LOAD_RCPT, REPLY_BROKEN },
		{ { 'y', (const uint8_t *)"55x 5.7.1 no", 13 }, LOAD_RCPT, REPLY_BROKEN },
		{ { 'i', (const uint8_t *)"\0\0\0\0X\0 y", 9 }, LOAD_EOM, REPLY_CHANGE },
		{ { 'i', (const uint8_t *)"\0\0\0\0X\0 y", 9 }, LOAD_RCPT, REPLY_BROKEN },
		{ { 'i', (const uint8_t *)"\0\0\0\0X", 6 }, LOAD_EOM, REPLY_BROKEN },
		{ { 'h', (const uint8_t *)"X\0 y", 5 }, LOAD_EOM, REPLY_CHANGE },
		{ { 'h', (const uint8_t *)"X\0 y", 4 }, LOAD_EOM, REPLY_BROKEN },
		{ { 'q', (const uint8_t *)"why", 4 }, LOAD_EOM, REPLY_QUARANTINE },
		{ { 'Z', NULL, 0 }, LOAD_EOM, REPLY_BROKEN },
		{ { 'd', NULL, 0 }, LOAD_EOM, REPLY_DISCARD },
	};
	struct filter_terms fewer = everything;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		if (filter_read_reply(&cases[i].packet, cases[i].stage, &everything, &err) != cases[i].reply)
			fail_msg("case %zu: %s", i, err.text);
	}
	fewer.actions = 0;
	fewer.protocol = 0;
	assert_int_equal(filter_read_reply(&PACKET('h', "X\0 y\0"), LOAD_EOM, &fewer, NULL), REPLY_BROKEN);
	assert_int_equal(filter_read_reply(&PACKET('s', ""), LOAD_BODY, &fewer, NULL), REPLY_BROKEN);
}

/* ---- macros and packets ---- */

static void test_macros(void **state)
{
	struct macro_plan plan = { .terms = everything };
	struct macro_values values = { .text = { [MACRO_J] = "mx.example.org", [MACRO_I] = "1" } };
	struct wire_out out = { 0 };
	struct wire_in in = { 0 };

	(void)state;
	plan.terms.listed[SYMBOLS_RCPT] = true;
	snprintf(plan.terms.symbols[SYMBOLS_RCPT], SYMBOLS_MAX, "{no_such} j,{rcpt_addr}");
	macro_plan_make(&plan);
	macro_send(&out, &plan, SYMBOLS_RCPT, 'R', &values);
	assert_int_equal(wire_pending(&out), 5 + 1 + sizeof("j") + sizeof("mx.example.org"));
	assert_memory_equal(out.octets,
	                    "\0\0\0\x13"
	                    "DRj\0mx.example.org",
	                    out.length);
	wire_reset(&out, &in);
	macro_send(&out, &plan, SYMBOLS_HELO, 'H', &values);
	assert_int_equal(wire_pending(&out), 6);
	wire_reset(&out, &in);
	macro_send(&out, &plan, SYMBOLS_EOM, 'E', &values);
	assert_memory_equal(out.octets,
	                    "\0\0\0\6"
	                    "DEi\0"
	                    "1",
	                    out.length);
	wire_close(&out, &in);
}

/* Octet by octet, as a network may deliver them. */
static void test_packets(void **state)
{
	static const char octets[] = "\0\0\0\1c\0\0\0\5yab\0c\0\0\0\1a";
	struct wire_in in = { 0 };
	struct wire_out out = { 0 };
	struct wire_packet packet;
	char seen[8] = "";
	size_t room;

	(void)state;
	for (size_t i = 0; i < sizeof(octets) - 1; i++) {
		*wire_room(&in, &room) = (uint8_t)octets[i];
		in.length++;
		while (wire_take(&in, &packet) == 1) {
			snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%c", packet.command);
			assert_int_equal(packet.length, packet.command == 'y' ? 4 : 0);
		}
	}
	assert_string_equal(seen, "cya");
	memcpy(wire_room(&in, &room), "\0\0\0\0", 4);
	in.length += 4;
	assert_int_equal(wire_take(&in, &packet), -1);
	wire_close(&out, &in);
}

static void test_counts_add_up(void **state)
{
	static struct load_stats stats;

	(void)state;
	assert_true(load_stats_add_up(&stats));
	stats.started = 3;
	stats.outcomes[LOAD_EOM][LOAD_ACCEPTED] = 2;
	assert_false(load_stats_add_up(&stats));
	stats.outcomes[LOAD_RCPT][LOAD_REJECTED] = 1;
	assert_true(load_stats_add_up(&stats));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles),   cmocka_unit_test(test_percentiles_at_the_edges),
		cmocka_unit_test(test_options),       cmocka_unit_test(test_options_refused),
		cmocka_unit_test(test_clients),       cmocka_unit_test(test_messages),
		cmocka_unit_test(test_terms),         cmocka_unit_test(test_replies),
		cmocka_unit_test(test_macros),        cmocka_unit_test(test_packets),
		cmocka_unit_test(test_counts_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
