/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_counters - what processes count together, and how it is shown. The whole page is parsed by
 * tests/milter/test_metrics.py.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/counters.h"
#include "daemon/metrics_text.h"

static int open_counters(void **state)
{
	*state = counters_open();
	return *state == NULL ? -1 : 0;
}

static int close_counters(void **state)
{
	struct counters *counters = *state;

	counters_close(&counters);
	assert_null(counters);
	return 0;
}

/* ---- counting ---- */

#define THREADS     4
#define EACH        10000
#define FORK_EACH   3
#define KILLED_SEAT 7

static void *count_much(void *context)
{
	const struct tally tally = { context, 1 };

	for (int i = 0; i < EACH; i++) {
		counters_add(&tally, COUNTER_MESSAGES, 2);
		counters_add_fact(&tally, 0);
		counters_observe(&tally, HISTOGRAM_ARENA, 1024);
		counters_gauge(&tally, GAUGE_SESSIONS, i % 2 == 0 ? 1 : -1);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	struct counters *counters = *state;
	struct counters_reading reading;
	pthread_t threads[THREADS];

	assert_int_equal(counters_name_fact(counters, "a.b"), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, counters), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counters_get(counters, COUNTER_MESSAGES), 2 * THREADS * EACH);
	assert_int_equal(counters_get_fact(counters, 0), THREADS * EACH);
	assert_int_equal(counters_get_gauge(counters, GAUGE_SESSIONS), 0);
	counters_read_histogram(counters, HISTOGRAM_ARENA, &reading);
	assert_int_equal(reading.buckets[0], THREADS * EACH); /* a bound belongs to its bucket */
	assert_int_equal(reading.count, THREADS * EACH);
	assert_int_equal(reading.sum, (uint64_t)1024 * THREADS * EACH);
}

/* A process that counts, and then dies without a word. */
static void count_and_die(struct counters *counters)
{
	const struct tally tally = { counters, KILLED_SEAT };
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		counters_add(&tally, COUNTER_SESSIONS, 1);
		counters_gauge(&tally, GAUGE_SESSIONS, 1);
		counters_gauge(&tally, GAUGE_MESSAGES, 2);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void counts_survive_who_counted(void **state)
{
	struct counters *counters = *state;
	const struct tally other = { counters, 0 };

	counters_gauge(&other, GAUGE_SESSIONS, 5);
	for (uint64_t i = 1; i <= FORK_EACH; i++) {
		count_and_die(counters);
		assert_int_equal(counters_get(counters, COUNTER_SESSIONS), i);
		assert_int_equal(counters_get_gauge(counters, GAUGE_SESSIONS), 6);
		counters_clear_seat(counters, KILLED_SEAT);
		assert_int_equal(counters_get_gauge(counters, GAUGE_SESSIONS), 5); /* the other worker's stay */
		assert_int_equal(counters_get_gauge(counters, GAUGE_MESSAGES), 0);
		assert_int_equal(counters_get(counters, COUNTER_MESSAGES_ENDED + COUNTERS_END_LOST), 2 * i);
	}
}

static void without_counters_nothing_is_counted(void **state)
{
	const struct tally nowhere = { NULL, 0 };
	const struct tally out_of_range = { *state, COUNTERS_SEATS };

	counters_add(&nowhere, COUNTER_MESSAGES, 1);
	counters_add_fact(&nowhere, 0);
	counters_gauge(&nowhere, GAUGE_SESSIONS, 1);
	counters_observe(&nowhere, HISTOGRAM_DELAY, 1);
	counters_gauge(&out_of_range, GAUGE_SESSIONS, 1);
	counters_add(&out_of_range, COUNTERS, 1);
	counters_add_fact(&out_of_range, COUNTERS_FACTS_MAX + 1);
	counters_observe(&out_of_range, HISTOGRAMS, 1);
	assert_int_equal(counters_get_gauge(*state, GAUGE_SESSIONS), 0);
}

static void a_value_falls_into_one_bucket(void **state)
{
	struct counters *counters = *state;
	const struct tally tally = { counters, 0 };
	static const unsigned histograms[] = { HISTOGRAM_DNS_NETWORK, HISTOGRAM_DNS_CHECK, HISTOGRAM_DELAY,
		                               HISTOGRAM_ARENA };
	struct counters_reading reading;

	for (size_t h = 0; h < COUNT(histograms); h++) {
		counters_read_histogram(counters, histograms[h], &reading);
		const size_t n = reading.n;
		const uint64_t *bounds = reading.bounds;
		assert_in_range(n, 2, COUNTERS_BUCKETS_MAX);
		for (size_t i = 0; i + 1 < n; i++) {
			assert_true(i == 0 || bounds[i] > bounds[i - 1]);
			counters_observe(&tally, histograms[h], bounds[i]);
			counters_observe(&tally, histograms[h], bounds[i] + 1);
		}
		counters_read_histogram(counters, histograms[h], &reading);
		assert_int_equal(reading.buckets[0], 1);
		for (size_t i = 1; i + 1 < n; i++)
			assert_int_equal(reading.buckets[i], 2);
		assert_int_equal(reading.buckets[n - 1], 1);
		assert_int_equal(reading.count, 2 * (n - 1));
	}
}

/* ---- the names of facts ---- */

static void a_fact_keeps_its_slot(void **state)
{
	struct counters *counters = *state;
	const unsigned first = counters_name_fact(counters, "rdns.none");
	const unsigned second = counters_name_fact(counters, "rdns.unsure");

	assert_int_not_equal(first, second);
	assert_int_equal(counters_name_fact(counters, "rdns.none"), first);
	assert_int_equal(counters_name_fact(counters, "rdns.unsure"), second);
	assert_int_equal(counters_facts(counters), 2);
	assert_string_equal(counters_fact_name(counters, second), "rdns.unsure");
}

static void names_are_bounded(void **state)
{
	struct counters *counters = *state;
	const struct tally tally = { counters, 0 };
	char name[2 * COUNTERS_NAME_MAX];

	for (unsigned i = 0; i < COUNTERS_FACTS_MAX; i++) {
		snprintf(name, sizeof(name), "dnsbl.list.code%u", i);
		assert_int_equal(counters_name_fact(counters, name), i);
	}
	assert_int_equal(counters_name_fact(counters, "one.more"), COUNTERS_FACTS_MAX);
	assert_int_equal(counters_name_fact(counters, "dnsbl.list.code7"), 7);
	assert_int_equal(counters_facts(counters), COUNTERS_FACTS_MAX);
	counters_add_fact(&tally, COUNTERS_FACTS_MAX);
	assert_int_equal(counters_get_fact(counters, COUNTERS_FACTS_MAX), 1);
	assert_string_equal(counters_fact_name(counters, COUNTERS_FACTS_MAX), "other");
}

static void a_name_that_is_too_long_is_one_of_the_others(void **state)
{
	struct counters *counters = *state;
	char name[COUNTERS_NAME_MAX + 2];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(counters_name_fact(counters, name), COUNTERS_FACTS_MAX);
	name[COUNTERS_NAME_MAX] = '\0';
	assert_int_equal(counters_name_fact(counters, name), 0);
}

/* ---- the text ---- */

/* Allocated. */
static char *page(const struct counters *counters)
{
	char *text = NULL;
	size_t octets = 0;
	FILE *out = open_memstream(&text, &octets);

	assert_non_null(out);
	metrics_write(out, counters);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), octets);
	assert_int_equal(text[octets - 1], '\n');
	return text;
}

/* A whole line of the page. */
static void assert_line(const char *text, const char *line)
{
	const size_t octets = strlen(line);

	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, line, octets) == 0 && at[octets] == '\n')
			return;
	fail_msg("not in the page: %s", line);
}

static void what_is_counted_is_shown(void **state)
{
	struct counters *counters = *state;
	const struct tally tally = { counters, 3 };

	/* stage rcpt, action reject */
	counters_add(&tally, COUNTER_VERDICTS + 3 * COUNTERS_ACTIONS + 4, 7);
	counters_add(&tally, COUNTER_MESSAGES_ENDED + COUNTERS_END_ABANDONED, 1);
	counters_add(&tally, COUNTER_UNSURE + COUNTERS_CAUSE_UNKNOWN_CODE, 2);
	counters_add(&tally, COUNTER_DNS_LIMITED, 3);
	counters_add(&tally, COUNTER_DNS_ABANDONED, 4);
	counters_add(&tally, COUNTER_RELOADS_REFUSED, 5);
	counters_gauge(&tally, GAUGE_DNS_OUTSTANDING, 6);
	counters_gauge(&tally, GAUGE_PROBES, -6); /* never shown below 0 */
	char *text = page(counters);
	assert_line(text, "mailreeve_verdicts_total{stage=\"rcpt\",action=\"reject\"} 7");
	assert_line(text, "mailreeve_messages_ended_total{result=\"abandoned\"} 1");
	assert_line(text, "mailreeve_unsure_total{cause=\"unknown_code\"} 2");
	assert_line(text, "mailreeve_dns_questions_total{how=\"limited\"} 3");
	assert_line(text, "mailreeve_dns_answers_total{result=\"abandoned\"} 4");
	assert_line(text, "mailreeve_reloads_total{result=\"refused\"} 5");
	assert_line(text, "mailreeve_dns_questions_open 6");
	assert_line(text, "mailreeve_probes_open 0");
	assert_line(text, "# TYPE mailreeve_probes_open gauge");
	assert_null(strstr(text, "stage=\"headers\""));
	assert_null(strstr(text, "(null)"));
	free(text);
}

static void histograms_add_up(void **state)
{
	struct counters *counters = *state;
	const struct tally tally = { counters, 0 };

	counters_observe(&tally, HISTOGRAM_DELAY, 999);
	counters_observe(&tally, HISTOGRAM_DELAY, 1000001);
	counters_observe(&tally, HISTOGRAM_DELAY, 60000000);
	counters_observe(&tally, HISTOGRAM_ARENA, 5000000);
	char *text = page(counters);
	assert_line(text, "# TYPE mailreeve_message_delay_seconds histogram");
	assert_line(text, "mailreeve_message_delay_seconds_bucket{le=\"0.001\"} 1");
	assert_line(text, "mailreeve_message_delay_seconds_bucket{le=\"1\"} 1");
	assert_line(text, "mailreeve_message_delay_seconds_bucket{le=\"2\"} 2");
	assert_line(text, "mailreeve_message_delay_seconds_bucket{le=\"20\"} 2");
	assert_line(text, "mailreeve_message_delay_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(text, "mailreeve_message_delay_seconds_sum 61.001000");
	assert_line(text, "mailreeve_message_delay_seconds_count 3");
	assert_line(text, "mailreeve_session_memory_bytes_bucket{le=\"4194304\"} 0");
	assert_line(text, "mailreeve_session_memory_bytes_sum 5000000");
	free(text);
}

static void label_values_are_escaped(void **state)
{
	struct counters *counters = *state;

	(void)counters_name_fact(counters, "a\"b\\c\nd");
	char *text = page(counters);
	assert_line(text, "mailreeve_facts_total{fact=\"a\\\"b\\\\c\\nd\"} 0");
	free(text);
}

/* ---- health ---- */

static void health_is_told_in_words(void **state)
{
	static const struct {
		struct counters_state state;
		bool healthy;
		const char *text;
	} cases[] = {
		{ { COUNTERS_LIFE_STARTING, 1, 0, 0, 1 }, false, "not serving: the first worker is not ready yet\n" },
		{ { COUNTERS_LIFE_SERVING, 0, 1, 0, 0x9ab }, true, "serving: cfg=09ab\n" },
		{ { COUNTERS_LIFE_SERVING, 1, 1, 2, 0x9ab }, true, "serving: cfg=09ab\n" },
		{ { COUNTERS_LIFE_REPLACING, 1, 0, 3, 1 },
		  false,
		  "not serving: the worker died; the next one is starting\n" },
		{ { COUNTERS_LIFE_WAITING, 0, 0, 3, 1 },
		  false,
		  "not serving: workers died, or could not be started; the next one starts after a pause\n" },
		{ { COUNTERS_LIFE_STOPPING, 0, 1, 0, 1 }, false, "not serving: the daemon is stopping\n" },
	};
	struct counters *counters = *state;
	char text[METRICS_HEALTH_MAX];

	assert_false(metrics_health(counters, text)); /* nobody has said anything yet */
	for (size_t i = 0; i < COUNT(cases); i++) {
		counters_set_state(counters, &cases[i].state);
		assert_int_equal(metrics_health(counters, text), cases[i].healthy);
		assert_string_equal(text, cases[i].text);
	}
}

#define WITH_COUNTERS(test) cmocka_unit_test_setup_teardown(test, open_counters, close_counters)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_COUNTERS(threads_lose_no_count),
		WITH_COUNTERS(counts_survive_who_counted),
		WITH_COUNTERS(without_counters_nothing_is_counted),
		WITH_COUNTERS(a_value_falls_into_one_bucket),
		WITH_COUNTERS(a_fact_keeps_its_slot),
		WITH_COUNTERS(names_are_bounded),
		WITH_COUNTERS(a_name_that_is_too_long_is_one_of_the_others),
		WITH_COUNTERS(what_is_counted_is_shown),
		WITH_COUNTERS(histograms_add_up),
		WITH_COUNTERS(label_values_are_escaped),
		WITH_COUNTERS(health_is_told_in_words),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
