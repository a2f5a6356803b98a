/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/metrics_text.h"

#include <inttypes.h>

#include "base/base.h"
#include "checks/check.h"
#include "mail/stage.h"
#include "net/probe.h"
#include "policy/policy.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif

/* ---- labels ---- */

/* One whose values are numbered. */
struct label {
	const char *name;
	unsigned n;
	const char *(*value)(unsigned number); /* NULL: there is no such value */
};

static const char *stage_value(unsigned number)
{
	return number == STAGE_HEADERS ? NULL : stage_name((enum stage)number); /* no verdict is given there */
}

static const char *action_value(unsigned number)
{
	return action_name((enum action)number);
}

static const char *end_value(unsigned number)
{
	if (number == COUNTERS_END_ABANDONED)
		return "abandoned";
	return number == COUNTERS_END_LOST ? "lost" : action_value(number);
}

static const char *cause_value(unsigned number)
{
	static const char *const names[COUNTERS_CAUSES] = {
		[COUNTERS_CAUSE_TIMEOUT] = "timeout", [COUNTERS_CAUSE_SERVFAIL] = "servfail",
		[COUNTERS_CAUSE_BOGUS] = "bogus",     [COUNTERS_CAUSE_LIMIT] = "limit",
		[COUNTERS_CAUSE_ERROR] = "error",     [COUNTERS_CAUSE_UNKNOWN_CODE] = "unknown_code",
		[COUNTERS_CAUSE_OTHER] = "other",
	};

	return names[number];
}

static const char *question_value(unsigned number)
{
	static const char *const names[] = { "hit", "miss", "coalesced", "limited" };

	return names[number];
}

static const char *answer_value(unsigned number)
{
	static const char *const names[] = { "found", "none", "timeout", "servfail", "bogus", "abandoned" };

	return names[number];
}

static const char *probe_value(unsigned number)
{
	static const char *const names[COUNTERS_PROBES] = {
		[COUNTERS_PROBE_CONNECTED] = "connected", [COUNTERS_PROBE_REMEMBERED] = "remembered",
		[COUNTERS_PROBE_JOINED] = "joined",       [COUNTERS_PROBE_LIMITED] = "limited",
		[COUNTERS_PROBE_FORBIDDEN] = "forbidden",
	};

	return names[number];
}

/* What a conversation that was begun can come to. */
static const char *outcome_value(unsigned number)
{
	static const char *const names[PROBE_OUTCOMES] = {
		[PROBE_GREETED] = "greeted",   [PROBE_REFUSED_BY_PEER] = "refused_by_peer",
		[PROBE_NOT_SMTP] = "not_smtp", [PROBE_SILENT] = "silent",
		[PROBE_REFUSED] = "refused",   [PROBE_UNREACHABLE] = "unreachable",
		[PROBE_UNSURE] = "unsure",
	};

	return names[number];
}

static const char *reload_value(unsigned number)
{
	return number ? "refused" : "done";
}

static const struct label no_label = { NULL, 1, NULL };
static const struct label stage_label = { "stage", COUNTERS_STAGES, stage_value };
static const struct label action_label = { "action", COUNTERS_ACTIONS, action_value };
static const struct label end_label = { "result", COUNTERS_ENDS, end_value };
static const struct label cause_label = { "cause", COUNTERS_CAUSES, cause_value };
static const struct label question_label = { "how", 4, question_value };
static const struct label answer_label = { "result", 6, answer_value };
static const struct label probe_label = { "how", COUNTERS_PROBES, probe_value };
static const struct label outcome_label = { "outcome", COUNTERS_PROBE_OUTCOMES, outcome_value };
static const struct label reload_label = { "result", 2, reload_value };

_Static_assert(COUNTER_DNS_LIMITED - COUNTER_DNS_HIT == 3, "question_value follows enum counter");
_Static_assert(COUNTER_DNS_ABANDONED - COUNTER_DNS_FOUND == 5, "answer_value follows enum counter");
_Static_assert(COUNTER_RELOADS_REFUSED - COUNTER_RELOADS == 1, "reload_value follows enum counter");

/* ---- families ---- */

struct family {
	const char *name, *help;
	const struct label *outer, *inner;
	unsigned first; /* of counters: + outer's number * inner->n + inner's number; else of gauges */
};

static const struct family counters_table[] = {
	{ "mailreeve_sessions_total", "Connections of the MTA, an SMTP session each.", &no_label, &no_label,
	  COUNTER_SESSIONS },
	{ "mailreeve_messages_total", "Messages begun: MAIL commands.", &no_label, &no_label, COUNTER_MESSAGES },
	{ "mailreeve_messages_ended_total", "Messages ended, by what became of them.", &no_label, &end_label,
	  COUNTER_MESSAGES_ENDED },
	{ "mailreeve_verdicts_total", "Verdicts, a log line each, by stage and by what was done.", &stage_label,
	  &action_label, COUNTER_VERDICTS },
	{ "mailreeve_monitored_verdicts_total", "In monitor mode: verdicts by what would have been done.", &stage_label,
	  &action_label, COUNTER_WOULD },
	{ "mailreeve_faults_total", "Verdicts that on_fault decided because a session's memory was used up.", &no_label,
	  &no_label, COUNTER_FAULTS },
	{ "mailreeve_unsure_total", "Facts that could not be found out, by cause.", &no_label, &cause_label,
	  COUNTER_UNSURE },
	{ "mailreeve_dns_questions_total", "DNS questions of the checks, by how they were met.", &no_label,
	  &question_label, COUNTER_DNS_HIT },
	{ "mailreeve_dns_answers_total", "What became of DNS questions.", &no_label, &answer_label, COUNTER_DNS_FOUND },
	{ "mailreeve_dns_stale_answers_total", "DNS answers given beyond their TTL because the servers failed.",
	  &no_label, &no_label, COUNTER_DNS_STALE },
	{ "mailreeve_dns_late_answers_total", "DNS questions whose deadline came before the answer.", &no_label,
	  &no_label, COUNTER_DNS_LATE },
	{ "mailreeve_dns_cache_evictions_total", "DNS answers dropped from the cache for room.", &no_label, &no_label,
	  COUNTER_DNS_EVICTED },
	{ "mailreeve_probes_total", "Reverse greetings wished for, by what was done.", &no_label, &probe_label,
	  COUNTER_PROBES },
	{ "mailreeve_probe_outcomes_total", "Reverse greetings made, by outcome.", &no_label, &outcome_label,
	  COUNTER_PROBE_OUTCOMES },
	{ "mailreeve_pool_kicks_total", "How often libmilter's pool was woken before a wait.", &no_label, &no_label,
	  COUNTER_KICKS },
	{ "mailreeve_worker_starts_total", "Workers started.", &no_label, &no_label, COUNTER_WORKERS_STARTED },
	{ "mailreeve_worker_restarts_total", "Workers started because another one had died.", &no_label, &no_label,
	  COUNTER_WORKERS_RESTARTED },
	{ "mailreeve_worker_deaths_total", "Workers that died of a signal or with an error.", &no_label, &no_label,
	  COUNTER_WORKERS_DIED },
	{ "mailreeve_reloads_total", "Reloads of the configuration.", &no_label, &reload_label, COUNTER_RELOADS },
	{ "mailreeve_metrics_restarts_total", "Restarts of the process that serves this page.", &no_label, &no_label,
	  COUNTER_SERVERS_RESTARTED },
};

static const struct family gauges_table[] = {
	{ "mailreeve_sessions_open", "SMTP sessions now.", &no_label, &no_label, GAUGE_SESSIONS },
	{ "mailreeve_messages_open", "Messages begun and not ended now.", &no_label, &no_label, GAUGE_MESSAGES },
	{ "mailreeve_dns_questions_open", "DNS questions on their way now.", &no_label, &no_label,
	  GAUGE_DNS_OUTSTANDING },
	{ "mailreeve_dns_cache_bytes", "Memory of the cache of DNS answers now.", &no_label, &no_label,
	  GAUGE_DNS_CACHE },
	{ "mailreeve_probes_open", "Reverse greetings under way now.", &no_label, &no_label, GAUGE_PROBES },
};

/* ---- writing ---- */

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME="VALUE", as the format wants it: three octets are escaped. */
static void write_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* A sample with one label; value NULL: without. */
static void write_sample(FILE *out, const char *name, const char *label, const char *value, uint64_t n)
{
	fputs(name, out);
	if (value) {
		fputc('{', out);
		write_label(out, label, value);
		fputc('}', out);
	}
	fprintf(out, " %" PRIu64 "\n", n);
}

/* The value of a label; false: there is none of this number. */
static bool value_of(const struct label *label, unsigned number, const char **value)
{
	*value = label->value ? label->value(number) : NULL;
	return *value || !label->value;
}

static void write_counts(FILE *out, const struct family *family, const struct counters *counters)
{
	const char *outer, *inner;

	write_head(out, family->name, "counter", family->help);
	for (unsigned i = 0; i < family->outer->n * family->inner->n; i++) {
		if (!value_of(family->outer, i / family->inner->n, &outer) ||
		    !value_of(family->inner, i % family->inner->n, &inner))
			continue;
		if (!outer || !inner) {
			write_sample(out, family->name, family->inner->name, inner,
			             counters_get(counters, family->first + i));
			continue;
		}
		fprintf(out, "%s{", family->name);
		write_label(out, family->outer->name, outer);
		fputc(',', out);
		write_label(out, family->inner->name, inner);
		fprintf(out, "} %" PRIu64 "\n", counters_get(counters, family->first + i));
	}
}

static void write_facts(FILE *out, const struct counters *counters)
{
	static const char name[] = "mailreeve_facts_total";
	const unsigned n = counters_facts(counters);
	const uint64_t others = counters_get_fact(counters, COUNTERS_FACTS_MAX);

	write_head(out, name, "counter", "How often each fact was found.");
	for (unsigned slot = 0; slot < n; slot++)
		write_sample(out, name, "fact", counters_fact_name(counters, slot), counters_get_fact(counters, slot));
	if (others)
		write_sample(out, name, "fact", counters_fact_name(counters, COUNTERS_FACTS_MAX), others);
}

/* How many of what is counted make a base unit. */
#define MICROSECONDS 1000000
#define OCTETS       1

static void write_sum(FILE *out, uint64_t value, uint64_t per_unit)
{
	if (per_unit == OCTETS)
		fprintf(out, "%" PRIu64 "\n", value);
	else
		fprintf(out, "%" PRIu64 ".%06" PRIu64 "\n", value / per_unit, value % per_unit);
}

static void write_series(FILE *out, const char *name, const char *suffix, const char *check)
{
	fprintf(out, "%s%s", name, suffix);
	if (check) {
		fputc('{', out);
		write_label(out, "check", check);
		fputc('}', out);
	}
	fputc(' ', out);
}

static void write_histogram(FILE *out, const char *name, const char *check, const struct counters *counters,
                            unsigned histogram, uint64_t per_unit)
{
	struct counters_reading reading;
	uint64_t below = 0;

	counters_read_histogram(counters, histogram, &reading);
	for (size_t i = 0; i < reading.n; i++) {
		below += reading.buckets[i];
		fprintf(out, "%s_bucket{", name);
		if (check) {
			write_label(out, "check", check);
			fputc(',', out);
		}
		if (i + 1 < reading.n)
			fprintf(out, "le=\"%.9g\"} %" PRIu64 "\n", (double)reading.bounds[i] / (double)per_unit, below);
		else
			fprintf(out, "le=\"+Inf\"} %" PRIu64 "\n", below);
	}
	write_series(out, name, "_sum", check);
	write_sum(out, reading.sum, per_unit);
	write_series(out, name, "_count", check);
	fprintf(out, "%" PRIu64 "\n", reading.count);
}

static void write_histograms(FILE *out, const struct counters *counters)
{
	write_head(out, "mailreeve_dns_wait_seconds", "histogram",
	           "How long checks waited for DNS answers that were not in the cache, time-outs included.");
	for (unsigned i = 0; checks_table[i]; i++)
		write_histogram(out, "mailreeve_dns_wait_seconds", checks_table[i]->name, counters,
		                HISTOGRAM_DNS_CHECK + i, MICROSECONDS);
	write_head(out, "mailreeve_dns_network_seconds", "histogram", "How long the network took to answer questions.");
	write_histogram(out, "mailreeve_dns_network_seconds", NULL, counters, HISTOGRAM_DNS_NETWORK, MICROSECONDS);
	write_head(out, "mailreeve_message_delay_seconds", "histogram",
	           "How long the sender of a message that came to its end waited for mailreeve.");
	write_histogram(out, "mailreeve_message_delay_seconds", NULL, counters, HISTOGRAM_DELAY, MICROSECONDS);
	write_head(out, "mailreeve_session_memory_bytes", "histogram",
	           "Memory in a session's arenas at the end of each message.");
	write_histogram(out, "mailreeve_session_memory_bytes", NULL, counters, HISTOGRAM_ARENA, OCTETS);
}

static void write_state(FILE *out, const struct counters *counters)
{
	const struct counters_state state = counters_get_state(counters);
	char digest[8];

	write_head(out, "mailreeve_workers", "gauge", "Workers now, by state.");
	write_sample(out, "mailreeve_workers", "state", "starting", state.starting);
	write_sample(out, "mailreeve_workers", "state", "serving", state.serving);
	write_sample(out, "mailreeve_workers", "state", "draining", state.draining);
	write_head(out, "mailreeve_start_time_seconds", "gauge", "When the daemon was started, since the epoch.");
	write_sample(out, "mailreeve_start_time_seconds", NULL, NULL, (uint64_t)counters_opened_s(counters));
	write_head(out, "mailreeve_build_info", "gauge", "Always 1; which program this is.");
	write_sample(out, "mailreeve_build_info", "version", PACKAGE_VERSION, 1);
	snprintf(digest, sizeof(digest), "%04x", state.digest & 0xffff);
	write_head(out, "mailreeve_configuration_info", "gauge", "Always 1; cfg= of the log lines, for new sessions.");
	write_sample(out, "mailreeve_configuration_info", "digest", digest, 1);
}

void metrics_write(FILE *out, const struct counters *counters)
{
	for (size_t i = 0; i < COUNT(counters_table); i++)
		write_counts(out, &counters_table[i], counters);
	write_facts(out, counters);
	for (size_t i = 0; i < COUNT(gauges_table); i++) {
		const struct family *family = &gauges_table[i];
		write_head(out, family->name, "gauge", family->help);
		write_sample(out, family->name, NULL, NULL, counters_get_gauge(counters, (enum gauge)family->first));
	}
	write_state(out, counters);
	write_histograms(out, counters);
}

/* ---- health ---- */

bool metrics_health(const struct counters *counters, char text[METRICS_HEALTH_MAX])
{
	static const char *const why[COUNTERS_LIVES] = {
		[COUNTERS_LIFE_STARTING] = "the first worker is not ready yet",
		[COUNTERS_LIFE_SERVING] = "no worker serves",
		[COUNTERS_LIFE_REPLACING] = "the worker died; the next one is starting",
		[COUNTERS_LIFE_WAITING] = "workers died, or could not be started; the next one starts after a pause",
		[COUNTERS_LIFE_STOPPING] = "the daemon is stopping",
	};
	const struct counters_state state = counters_get_state(counters);
	const bool healthy = state.serving > 0 && state.life != COUNTERS_LIFE_STOPPING;

	if (healthy)
		snprintf(text, METRICS_HEALTH_MAX, "serving: cfg=%04x\n", state.digest & 0xffff);
	else
		snprintf(text, METRICS_HEALTH_MAX, "not serving: %s\n",
		         state.life < COUNTERS_LIVES ? why[state.life] : "the state is unknown");
	return healthy;
}
