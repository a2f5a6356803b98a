/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <inttypes.h>

#include "base/base.h"

static const unsigned per_milles[] = { 500, 900, 990, 999, 1000 };
static const char *const per_mille_names[] = { "p50", "p90", "p99", "p99.9", "max" };

static double per_second(uint64_t n, int64_t elapsed_ns)
{
	return elapsed_ns > 0 ? (double)n * 1e9 / (double)elapsed_ns : 0;
}

/* What came to an end in good order, whatever the verdict. */
static uint64_t messages_done(const struct load_stats *stats)
{
	return stats->started - load_stats_outcome(stats, LOAD_FAILED);
}

static double cpu_us_a_message(const struct load_report *report)
{
	const uint64_t n = messages_done(report->stats);

	return n ? (double)(report->last.cpu_ns - report->held.cpu_ns) / 1e3 / (double)n : 0;
}

/* Memory that an idle session costs the daemon. */
static double idle_kb(const struct load_report *report)
{
	return report->idle_held ? ((double)report->held.pss_kb - (double)report->first.pss_kb) / report->idle_held : 0;
}

/* ---- for people ---- */

static void table_row(FILE *out, const char *name, const struct histogram *histogram)
{
	if (!histogram->n)
		return;
	fprintf(out, "  %-16s%10" PRIu64, name, histogram->n);
	for (size_t i = 0; i < COUNT(per_milles); i++)
		fprintf(out, "%10.3f", (double)histogram_percentile(histogram, per_milles[i]) / 1e6);
	fprintf(out, "%10.3f\n", (double)histogram_mean(histogram) / 1e6);
}

static void table_times(FILE *out, const struct load_stats *stats)
{
	fprintf(out, "milliseconds waited   n       p50       p90       p99     p99.9       max      mean\n");
	for (int i = 0; i < LOAD_STAGES; i++)
		table_row(out, load_stage_name((enum load_stage)i), &stats->stages[i]);
	table_row(out, "message", &stats->wait);
	table_row(out, "late begin", &stats->lag);
	table_row(out, "with late begin", &stats->wait_from_schedule);
}

static void table_outcomes(FILE *out, const struct load_stats *stats)
{
	fprintf(out, "verdicts:");
	for (int outcome = 0; outcome < LOAD_OUTCOMES; outcome++) {
		for (int stage = 0; stage < LOAD_STAGES; stage++) {
			if (stats->outcomes[stage][outcome])
				fprintf(out, " %s(%s)=%" PRIu64, load_outcome_name((enum load_outcome)outcome),
				        load_stage_name((enum load_stage)stage), stats->outcomes[stage][outcome]);
		}
	}
	fprintf(out, "%s\n", load_stats_add_up(stats) ? "" : "; THEY DO NOT ADD UP");
}

static void table_errors(FILE *out, const struct load_stats *stats)
{
	fprintf(out, "errors:");
	for (int i = 0; i < LOAD_ERRORS; i++)
		fprintf(out, " %s=%" PRIu64, load_error_name((enum load_error)i), stats->errors[i]);
	fprintf(out, "\n");
	for (int i = 0; i < LOAD_ERRORS; i++) {
		if (stats->errors[i])
			fprintf(out, "  the first of %s: %s\n", load_error_name((enum load_error)i), stats->why[i]);
	}
}

static void table_daemon(FILE *out, const struct load_report *report)
{
	const struct process_usage *last = &report->last;

	if (!report->options->n_pids)
		return;
	fprintf(out,
	        "the daemon: %.1f us CPU a message; PSS %" PRIu64 " kB at first, %" PRIu64 " kB at last (RSS %" PRIu64
	        " kB); %u processes, %u threads, %u files\n",
	        cpu_us_a_message(report), report->first.pss_kb, last->pss_kb, last->rss_kb, last->processes,
	        last->threads, last->files);
}

void load_report_table(FILE *out, const struct load_report *report)
{
	const struct load_stats *stats = report->stats;

	if (report->options->label)
		fprintf(out, "%s\n", report->options->label);
	fprintf(out,
	        "%" PRIu64 " messages in %.3f s: %.0f a second; %" PRIu64 " sessions, %" PRIu64 " recipients, %" PRIu64
	        " changes; %.1f us CPU of our own a message\n",
	        stats->started, (double)report->elapsed_ns / 1e9, per_second(messages_done(stats), report->elapsed_ns),
	        stats->sessions, stats->recipients, stats->changes,
	        stats->started ? (double)report->own_cpu_ns / 1e3 / (double)stats->started : 0.0);
	if (report->options->idle) {
		fprintf(out, "idle at %s: %u of %u held, %u left at last; %.2f kB each\n",
		        load_stage_name(report->options->idle_at), report->idle_held, report->options->idle,
		        report->idle_left, idle_kb(report));
		table_errors(out, report->idle_stats);
	}
	table_times(out, stats);
	table_outcomes(out, stats);
	table_errors(out, stats);
	table_daemon(out, report);
}

/* ---- as JSON ---- */

static void json_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e || *text == '"' || *text == '\\')
			fprintf(out, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void json_times(FILE *out, const char *name, const struct histogram *histogram)
{
	fprintf(out, "    \"%s\": {\"n\": %" PRIu64 ", \"mean\": %.6f", name, histogram->n,
	        (double)histogram_mean(histogram) / 1e6);
	for (size_t i = 0; i < COUNT(per_milles); i++)
		fprintf(out, ", \"%s\": %.6f", per_mille_names[i],
		        (double)histogram_percentile(histogram, per_milles[i]) / 1e6);
	fprintf(out, "},\n");
}

static void json_outcomes(FILE *out, const struct load_stats *stats)
{
	const char *comma = "";

	fprintf(out, "  \"outcomes\": {");
	for (int i = 0; i < LOAD_OUTCOMES; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", load_outcome_name((enum load_outcome)i),
		        load_stats_outcome(stats, (enum load_outcome)i));
	fprintf(out, "},\n  \"outcomes_by_stage\": {");
	for (int stage = 0; stage < LOAD_STAGES; stage++) {
		for (int i = 0; i < LOAD_OUTCOMES; i++) {
			if (!stats->outcomes[stage][i])
				continue;
			fprintf(out, "%s\"%s.%s\": %" PRIu64, comma, load_stage_name((enum load_stage)stage),
			        load_outcome_name((enum load_outcome)i), stats->outcomes[stage][i]);
			comma = ", ";
		}
	}
	fprintf(out, "},\n");
}

static void json_errors(FILE *out, const char *name, const struct load_stats *stats)
{
	fprintf(out, "  \"%s\": {", name);
	for (int i = 0; i < LOAD_ERRORS; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", load_error_name((enum load_error)i),
		        stats->errors[i]);
	for (int i = 0; i < LOAD_ERRORS; i++) {
		if (!stats->errors[i])
			continue;
		fprintf(out, ", \"first_%s\": ", load_error_name((enum load_error)i));
		json_text(out, stats->why[i]);
	}
	fprintf(out, "},\n");
}

static void json_usage(FILE *out, const char *name, const struct process_usage *usage)
{
	fprintf(out,
	        "    \"%s\": {\"cpu_us\": %.1f, \"user_ms\": %" PRIu64 ", \"system_ms\": %" PRIu64
	        ", \"pss_kb\": %" PRIu64 ", \"rss_kb\": %" PRIu64 ", \"private_kb\": %" PRIu64
	        ", \"processes\": %u, \"threads\": %u, \"files\": %u},\n",
	        name, (double)usage->cpu_ns / 1e3, usage->user_ms, usage->system_ms, usage->pss_kb, usage->rss_kb,
	        usage->private_kb, usage->processes, usage->threads, usage->files);
}

void load_report_json(FILE *out, const struct load_report *report)
{
	const struct load_stats *stats = report->stats;

	fprintf(out, "{\n  \"label\": ");
	json_text(out, report->options->label ? report->options->label : "");
	fprintf(out, ",\n  \"seconds\": %.6f,\n  \"messages\": %" PRIu64 ",\n  \"messages_per_second\": %.3f,\n",
	        (double)report->elapsed_ns / 1e9, stats->started, per_second(messages_done(stats), report->elapsed_ns));
	fprintf(out,
	        "  \"sessions\": %" PRIu64 ",\n  \"recipients\": %" PRIu64 ",\n  \"recipients_refused\": %" PRIu64
	        ",\n  \"changes\": %" PRIu64 ",\n  \"octets_sent\": %" PRIu64 ",\n  \"adds_up\": %s,\n",
	        stats->sessions, stats->recipients, stats->recipients_refused, stats->changes, stats->octets_sent,
	        load_stats_add_up(stats) ? "true" : "false");
	json_outcomes(out, stats);
	json_errors(out, "errors", stats);
	json_errors(out, "idle_errors", report->idle_stats);
	fprintf(out, "  \"ms\": {\n");
	for (int i = 0; i < LOAD_STAGES; i++)
		json_times(out, load_stage_name((enum load_stage)i), &stats->stages[i]);
	json_times(out, "wait", &stats->wait);
	json_times(out, "lag", &stats->lag);
	json_times(out, "wait_from_schedule", &stats->wait_from_schedule);
	fprintf(out,
	        "    \"unit\": \"ms\"\n  },\n  \"idle\": {\"at\": \"%s\", \"wanted\": %u, \"held\": %u, \"left\": %u, "
	        "\"kb_each\": %.4f},\n",
	        load_stage_name(report->options->idle_at), report->options->idle, report->idle_held, report->idle_left,
	        idle_kb(report));
	fprintf(out, "  \"daemon\": {\n");
	json_usage(out, "first", &report->first);
	json_usage(out, "held", &report->held);
	json_usage(out, "last", &report->last);
	fprintf(out, "    \"cpu_us_per_message\": %.3f\n  },\n  \"own_cpu_us_per_message\": %.3f\n}\n",
	        cpu_us_a_message(report),
	        stats->started ? (double)report->own_cpu_ns / 1e3 / (double)stats->started : 0.0);
}
