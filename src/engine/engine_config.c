/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_config - the engine's sections of the configuration, the checks' own among them.
 *
 * A check's section has "enabled", the check's options, and "points.FACT" for each fact of its table; the rows for the
 * points are made here from the table, so that a fact is written down once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/engine_internal.h"

static const char *const modes[] = { "enforce", "monitor", NULL };
static const char *const on_fault[] = { "accept", "defer", NULL };
static const char *const dns_modes[] = { "auto", "recurse", "forward", "zone", NULL };

static const struct config_row engine_rows[] = {
	{ .name = "mode",
	  .type = CONFIG_ENUM,
	  .offset = offsetof(struct engine_settings, mode),
	  .fallback = "\"enforce\"",
	  .choices = modes,
	  .help = "enforce: do what the policy says. monitor: log what would be done, and let every message pass untouched." },
	{ .name = "on_fault",
	  .type = CONFIG_ENUM,
	  .offset = offsetof(struct engine_settings, on_fault),
	  .fallback = "\"accept\"",
	  .choices = on_fault,
	  .help = "What happens to a message that mailreeve itself cannot judge (a session's memory is used up): accept or defer." },
};

#define WAIT(field) offsetof(struct wait_settings, field)
static const struct config_row wait_rows[] = {
	{ .name = "rcpt_ms",
	  .type = CONFIG_INT,
	  .offset = WAIT(rcpt_ms),
	  .min = 0,
	  .max = 60000,
	  .fallback = "3000",
	  .help = "The longest wait, over all recipients of a message, for a verdict at RCPT TO. What comes later counts at the end of the "
	          "message." },
	{ .name = "eom_ms",
	  .type = CONFIG_INT,
	  .offset = WAIT(eom_ms),
	  .min = 0,
	  .max = 300000,
	  .fallback = "8000",
	  .help = "The longest wait for a verdict at the end of the message. What has not come by then is unsure." },
	{ .name = "complete_ms",
	  .type = CONFIG_INT,
	  .offset = WAIT(complete_ms),
	  .min = 0,
	  .max = 60000,
	  .fallback = "1000",
	  .help = "The longest wait at the end of a message whose fate is certain already, and which is delivered, for what its "
	          "headers still lack. What has not come by then is unsure." },
	{ .name = "session_ms",
	  .type = CONFIG_INT,
	  .offset = WAIT(session_ms),
	  .min = 0,
	  .max = 600000,
	  .fallback = "20000",
	  .help = "The longest wait in all of one SMTP session." },
};

#define DNS(field) offsetof(struct engine_dns_settings, field)
static const struct config_row dns_rows[] = {
	{ .name = "mode",
	  .type = CONFIG_ENUM,
	  .offset = DNS(mode),
	  .fallback = "\"auto\"",
	  .choices = dns_modes,
	  .help = "auto: forward to the resolver on this machine if resolv_conf names one (its cache is shared with the MTA), else recurse. "
	          "recurse: ask the authoritative servers. forward: ask the servers of dns.forward. zone: read everything from "
	          "dns.zone_file and ask nobody (tests)." },
	{ .name = "forward",
	  .type = CONFIG_STRINGS,
	  .offset = DNS(forward),
	  .max = 16,
	  .fallback = "[ ]",
	  .help = "Resolvers for mode forward: addresses, with @PORT where it is not 53. Empty: those that resolv_conf names. Block lists "
	          "refuse the large public resolvers: use your own." },
	{ .name = "resolv_conf",
	  .type = CONFIG_STRING,
	  .offset = DNS(resolv_conf),
	  .min = 1,
	  .max = 4096,
	  .fallback = "\"/etc/resolv.conf\"",
	  .help = "Where the system's resolvers are named." },
	{ .name = "root_hints",
	  .type = CONFIG_STRING,
	  .offset = DNS(root_hints),
	  .fallback = "\"\"",
	  .help = "A file with the root servers, for mode recurse. Empty: those that the library knows." },
	{ .name = "trust_anchor",
	  .type = CONFIG_STRING,
	  .offset = DNS(trust_anchor),
	  .fallback = "\"\"",
	  .help = "A file with DNSSEC trust anchors (Debian: /usr/share/dns/root.key). Empty: mailreeve does not validate; the resolver it "
	          "forwards to may." },
	{ .name = "zone_file",
	  .type = CONFIG_STRING,
	  .offset = DNS(zone_file),
	  .fallback = "\"\"",
	  .help = "The zone file of mode zone." },
	{ .name = "question_ms",
	  .type = CONFIG_INT,
	  .offset = DNS(question_ms),
	  .min = 100,
	  .max = 60000,
	  .fallback = "5000",
	  .help = "How long one question may take before it counts as unsure (timeout)." },
	{ .name = "outstanding_max",
	  .type = CONFIG_INT,
	  .offset = DNS(outstanding_max),
	  .min = 16,
	  .max = 16384,
	  .fallback = "2048",
	  .help = "How many questions may be on their way at once. What is above is unsure (limit)." },
	{ .name = "session_outstanding_max",
	  .type = CONFIG_INT,
	  .offset = DNS(session_outstanding_max),
	  .min = 8,
	  .max = 1024,
	  .fallback = "64",
	  .help = "The same for one SMTP session." },
	{ .name = "cache_kb",
	  .type = CONFIG_INT,
	  .offset = DNS(cache_kb),
	  .min = 64,
	  .max = 1048576,
	  .fallback = "16384",
	  .help = "Memory for answers, in kilobytes. Full: what was not used for longest is dropped." },
	{ .name = "ttl_min_s",
	  .type = CONFIG_INT,
	  .offset = DNS(ttl_min_s),
	  .min = 0,
	  .max = 3600,
	  .fallback = "5",
	  .help = "An answer is kept at least this long, whatever its TTL says." },
	{ .name = "ttl_max_s",
	  .type = CONFIG_INT,
	  .offset = DNS(ttl_max_s),
	  .min = 1,
	  .max = 86400,
	  .fallback = "3600",
	  .help = "An answer is kept at most this long." },
	{ .name = "negative_ttl_max_s",
	  .type = CONFIG_INT,
	  .offset = DNS(negative_ttl_max_s),
	  .min = 0,
	  .max = 86400,
	  .fallback = "900",
	  .help = "\"There is no such name\" is kept at most this long." },
	{ .name = "failure_ttl_s",
	  .type = CONFIG_INT,
	  .offset = DNS(failure_ttl_s),
	  .min = 0,
	  .max = 300,
	  .fallback = "5",
	  .help = "After SERVFAIL a name is not asked again for this long." },
	{ .name = "timeout_ttl_s",
	  .type = CONFIG_INT,
	  .offset = DNS(timeout_ttl_s),
	  .min = 0,
	  .max = 300,
	  .fallback = "15",
	  .help = "A name that timed out is not waited for again for this long; the question itself goes on and may still fill the cache." },
	{ .name = "stale_s",
	  .type = CONFIG_INT,
	  .offset = DNS(stale_s),
	  .min = 0,
	  .max = 86400,
	  .fallback = "3600",
	  .help = "How long after its TTL an answer may stand in while the servers fail. Never done for block and allow lists. 0: never." },
};

struct dns_settings engine_config_dns(const struct engine_config *settings)
{
	const struct engine_dns_settings *from = &settings->dns;

	return (struct dns_settings){
		.mode = (enum dns_mode)from->mode,
		.forward = from->forward.items,
		.n_forward = from->forward.n,
		.resolv_conf = from->resolv_conf,
		.root_hints = from->root_hints,
		.trust_anchor = from->trust_anchor,
		.zone_file = from->zone_file,
		.question_ms = from->question_ms,
		.outstanding_max = from->outstanding_max,
		.session_outstanding_max = from->session_outstanding_max,
		.cache_kb = from->cache_kb,
		.ttl_min_s = from->ttl_min_s,
		.ttl_max_s = from->ttl_max_s,
		.negative_ttl_max_s = from->negative_ttl_max_s,
		.failure_ttl_s = from->failure_ttl_s,
		.timeout_ttl_s = from->timeout_ttl_s,
		.stale_s = from->stale_s,
	};
}

bool engine_check_enabled(const struct engine_check *check)
{
	return *(const bool *)check->values;
}

static char *format_new(const char *prefix, const char *text)
{
	char name[FACT_NAME_MAX + 16];

	snprintf(name, sizeof(name), "%s%s", prefix, text);
	return memory_strdup(name);
}

static struct config_row points_row(const struct fact *fact, size_t offset)
{
	char points[32];
	struct strbuf text;

	strbuf_open(&text, points, sizeof(points));
	strbuf_add_points(&text, fact->points_milli);
	return (struct config_row){
		.name = format_new("points.", fact->name),
		.type = CONFIG_POINTS,
		.offset = offset,
		.min = -POLICY_POINTS_MAX_MILLI,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = memory_strdup(points),
		.help = fact->text,
	};
}

static size_t round_up(size_t octets)
{
	return (octets + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
}

static void check_rows_make(struct engine_check *slot, const struct check *check)
{
	const size_t points_at = sizeof(int); /* behind `enabled` */
	const size_t own_at = round_up(points_at + check->n_facts * sizeof(int));

	slot->check = check;
	slot->values = memory_new(own_at + round_up(check->settings_size) + 1);
	slot->points_milli = (const int *)(const void *)((const char *)slot->values + points_at);
	slot->own = (char *)slot->values + own_at;
	slot->rows = memory_new((1 + check->n_options + check->n_facts) * sizeof(*slot->rows));
	slot->rows[slot->n_rows++] = (struct config_row){
		.name = "enabled",
		.type = CONFIG_BOOL,
		.fallback = check->opt_in ? "false" : "true",
		.help = "Whether this check runs at all.",
	};
	for (size_t i = 0; i < check->n_options; i++) {
		slot->rows[slot->n_rows] = check->options[i];
		slot->rows[slot->n_rows++].offset += own_at;
	}
	for (size_t i = 0; i < check->n_facts; i++)
		if (fact_has_points(check->facts[i].kind))
			slot->rows[slot->n_rows++] = points_row(&check->facts[i], points_at + i * sizeof(int));
}

struct engine_config *engine_config_open(void)
{
	struct engine_config *settings = memory_new(sizeof(*settings));

	for (size_t i = 0; i < ENGINE_CHECKS_MAX && checks_table[i]; i++)
		check_rows_make(&settings->checks[settings->n_checks++], checks_table[i]);
	return settings;
}

static void check_rows_free(struct engine_check *slot)
{
	if (slot->configured && slot->check->release)
		slot->check->release(slot->own);
	for (size_t i = 1 + slot->check->n_options; i < slot->n_rows; i++) {
		free((void *)(uintptr_t)slot->rows[i].name);
		free((void *)(uintptr_t)slot->rows[i].fallback);
	}
	free(slot->rows);
	free(slot->values);
}

void engine_config_close(struct engine_config **settings)
{
	if (!*settings)
		return;
	for (size_t i = 0; i < (*settings)->n_checks; i++)
		check_rows_free(&(*settings)->checks[i]);
	free(*settings);
	*settings = NULL;
}

size_t engine_config_sections(struct engine_config *settings, struct config_section *sections)
{
	size_t n = 0;

	sections[n++] = (struct config_section){ "", "The daemon.", engine_rows, COUNT(engine_rows),
		                                 &settings->engine };
	sections[n++] = (struct config_section){ "wait", "How long the sender may be kept waiting.", wait_rows,
		                                 COUNT(wait_rows), &settings->wait };
	sections[n++] = (struct config_section){ "dns", "How DNS is asked.", dns_rows, COUNT(dns_rows),
		                                 &settings->dns };
	sections[n++] = (struct config_section){ "policy", "What the points add up to.", policy_rows, policy_n_rows,
		                                 &settings->policy };
	for (size_t i = 0; i < settings->n_checks; i++) {
		const struct engine_check *slot = &settings->checks[i];
		sections[n++] = (struct config_section){ slot->check->name, slot->check->help, slot->rows, slot->n_rows,
			                                 slot->values };
	}
	return n;
}
