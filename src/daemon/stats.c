/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/stats.h"

#include "base/base.h"
#include "base/log.h"
#include "milter/milter.h"

#define STATS_LINE_MAX 1024

static void add_milter(struct strbuf *line)
{
	struct milter_stats stats;

	milter_get_stats(&stats);
	strbuf_addf(line, " sessions=%lu messages=%lu", stats.sessions, stats.messages);
	for (int i = 0; i < ACTIONS; i++)
		strbuf_addf(line, " %s=%lu", action_name((enum action)i), stats.actions[i]);
	strbuf_addf(line, " kicks=%lu", stats.kicks);
}

static void add_dns(struct strbuf *line, const struct dns *dns)
{
	struct dns_stats stats = { 0 };

	dns_get_stats(dns, &stats);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{ "asked", stats.asked },
		{ "hit", stats.hit },
		{ "miss", stats.miss },
		{ "coalesced", stats.coalesced },
		{ "stale", stats.stale },
		{ "found", stats.found },
		{ "none", stats.none },
		{ "timeout", stats.unsure_timeout },
		{ "servfail", stats.unsure_servfail },
		{ "bogus", stats.unsure_bogus },
		{ "limited", stats.limited },
		{ "outstanding", stats.outstanding },
		{ "mean_ms", stats.latency_n ? stats.latency_us_sum / stats.latency_n / 1000 : 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		strbuf_addf(line, " dns_%s=%llu", rows[i].key, (unsigned long long)rows[i].value);
}

void stats_log(const struct engine *engine)
{
	char text[STATS_LINE_MAX];
	struct strbuf line;

	strbuf_open(&line, text, sizeof(text));
	strbuf_addf(&line, "statistics:");
	add_milter(&line);
	if (engine_dns(engine))
		add_dns(&line, engine_dns(engine));
	log_info("%s", text);
}
