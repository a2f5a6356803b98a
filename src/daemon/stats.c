/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/stats.h"

#include "base/base.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "policy/policy.h"

#define STATS_LINE_MAX 1024

typedef unsigned long long number;

/* Of all stages. */
static number verdicts(const struct counters *counters, unsigned action)
{
	number sum = 0;

	for (unsigned stage = 0; stage < COUNTERS_STAGES; stage++)
		sum += counters_get(counters, COUNTER_VERDICTS + stage * COUNTERS_ACTIONS + action);
	return sum;
}

static void add_mail(struct strbuf *line, const struct counters *counters)
{
	strbuf_addf(line, " sessions=%llu messages=%llu", (number)counters_get(counters, COUNTER_SESSIONS),
	            (number)counters_get(counters, COUNTER_MESSAGES));
	for (unsigned i = 0; i < ACTIONS; i++)
		strbuf_addf(line, " %s=%llu", action_name((enum action)i), verdicts(counters, i));
	strbuf_addf(line, " kicks=%llu", (number)counters_get(counters, COUNTER_KICKS));
}

static void add_dns(struct strbuf *line, const struct counters *counters)
{
	static const struct {
		const char *key;
		enum counter counter;
	} rows[] = {
		{ "hit", COUNTER_DNS_HIT },
		{ "miss", COUNTER_DNS_MISS },
		{ "coalesced", COUNTER_DNS_COALESCED },
		{ "limited", COUNTER_DNS_LIMITED },
		{ "stale", COUNTER_DNS_STALE },
		{ "found", COUNTER_DNS_FOUND },
		{ "none", COUNTER_DNS_NONE },
		{ "timeout", COUNTER_DNS_TIMEOUT },
		{ "servfail", COUNTER_DNS_SERVFAIL },
		{ "bogus", COUNTER_DNS_BOGUS },
	};
	struct counters_reading network;
	number asked = 0;

	for (unsigned i = COUNTER_DNS_HIT; i <= COUNTER_DNS_LIMITED; i++)
		asked += counters_get(counters, i);
	strbuf_addf(line, " dns_asked=%llu", asked);
	for (size_t i = 0; i < COUNT(rows); i++)
		strbuf_addf(line, " dns_%s=%llu", rows[i].key, (number)counters_get(counters, rows[i].counter));
	counters_read_histogram(counters, HISTOGRAM_DNS_NETWORK, &network);
	strbuf_addf(line, " dns_cache_kb=%llu dns_outstanding=%llu dns_mean_ms=%llu",
	            (number)counters_get_gauge(counters, GAUGE_DNS_CACHE) / 1024,
	            (number)counters_get_gauge(counters, GAUGE_DNS_OUTSTANDING),
	            (number)(network.count ? network.sum / network.count / 1000 : 0));
}

void stats_log(const struct counters *counters)
{
	char text[STATS_LINE_MAX];
	struct strbuf line;

	strbuf_open(&line, text, sizeof(text));
	strbuf_addf(&line, "statistics:");
	add_mail(&line, counters);
	add_dns(&line, counters);
	log_info("%s", text);
}
