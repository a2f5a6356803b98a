/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailreeve-load - the MTA's side of the milter protocol, many times at once: what a filter lets the sender wait, what
 * it uses, and whether it keeps to the protocol.
 *
 *   mailreeve-load --socket unix:/run/filter --connections 4 --messages 10000 --pid $(cat pid)
 *   mailreeve-load --socket inet:8890@127.0.0.1 --rate 100 --seconds 10 --smtp-rtt-ms 10 --json figures
 *
 * Each session is a connection: negotiation, CONNECT, HELO, messages, QUIT, with the macros of Postfix. With --rate the
 * messages begin by a schedule, whatever the filter does; one that begins late because no connection was free is
 * measured from its place in the schedule, too ("with late begin").
 * Exit status: 0; 1: there were errors, or the verdicts do not add up; 64: not understood.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "report.h"

#define EXIT_USAGE 64

static int complain(const struct err *err, int status)
{
	fprintf(stderr, "mailreeve-load: %s\n", err->text);
	return status;
}

static int read_lists(struct load_lists *lists, const struct load_options *options, struct err *err)
{
	if (options->clients_file && load_lists_add_clients(lists, options->clients_file, err))
		return -1;
	for (size_t i = 0; i < options->n_message_files; i++) {
		if (load_lists_add_message(lists, options->message_files[i], err))
			return -1;
	}
	load_lists_complete(lists);
	return 0;
}

static void measure(const struct load_options *options, struct process_usage *usage)
{
	process_measure(usage, options->pids, options->n_pids);
}

static void run(struct driver *driver, struct load_report *report, struct load_stats *stats, struct load_stats *others)
{
	const struct load_options *options = report->options;
	const bool messages = options->messages || options->seconds > 0;

	if (options->warmup)
		driver_run(driver, &(struct driver_limits){ .messages = options->warmup }, others);
	memset(others, 0, sizeof(*others));
	measure(options, &report->first);
	if (options->idle)
		report->idle_held = driver_hold(driver, options->idle, others);
	if (options->idle && options->idle_s > 0)
		driver_wait(driver, options->idle_s, others);
	measure(options, &report->held);
	report->own_cpu_ns = process_own_cpu_ns();
	if (messages)
		report->elapsed_ns = driver_run(driver,
		                                &(struct driver_limits){ .messages = options->messages,
		                                                         .seconds = options->seconds,
		                                                         .rate = options->rate },
		                                stats);
	report->own_cpu_ns = process_own_cpu_ns() - report->own_cpu_ns;
	measure(options, &report->last);
	report->idle_left = driver_wait(driver, 0, others);
}

static int show(const struct load_report *report, struct err *err)
{
	const char *path = report->options->json_file;
	const bool standard = path && strcmp(path, "-") == 0;

	if (!standard)
		load_report_table(stdout, report);
	if (!path)
		return 0;
	FILE *out = standard ? stdout : fopen(path, "we");
	if (!out)
		return err_set(err, "%s: %s", path, strerror(errno));
	load_report_json(out, report);
	return (standard ? fflush(out) : fclose(out)) ? err_set(err, "%s: %s", path, strerror(errno)) : 0;
}

static int verdict(const struct load_report *report)
{
	uint64_t errors = 0;

	for (int i = 0; i < LOAD_ERRORS; i++)
		errors += report->stats->errors[i] + report->idle_stats->errors[i];
	return errors || !load_stats_add_up(report->stats) || report->idle_left != report->options->idle ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct load_options options;
	struct load_lists lists = { 0 };
	struct err err = { "" };
	int status;

	if (load_options_parse(&options, argc, argv, &err))
		return complain(&err, EXIT_USAGE);
	if (options.help) {
		load_options_help(stdout);
		return 0;
	}
	struct driver *driver = read_lists(&lists, &options, &err) ? NULL : driver_open(&options, &lists, &err);
	if (!driver) {
		load_lists_close(&lists);
		return complain(&err, EXIT_USAGE);
	}
	struct load_stats *stats = calloc(2, sizeof(*stats));
	if (!stats)
		abort();
	struct load_report report = { .options = &options, .stats = &stats[0], .idle_stats = &stats[1] };
	run(driver, &report, &stats[0], &stats[1]);
	status = show(&report, &err) ? complain(&err, 1) : verdict(&report);
	driver_close(&driver);
	load_lists_close(&lists);
	free(stats);
	return status;
}
