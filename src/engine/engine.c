/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine - built from a configuration: the catalogue of facts, the checks' parts by stage, the policy.
 */
#include "engine/engine_internal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/base.h"
#include "mail/suffix.h"

/* The facts of a check's table become facts of the catalogue, with the points of the configuration. */
static int check_facts_add(struct engine *engine, struct engine_check *slot, struct err *err)
{
	const struct check *check = slot->check;

	slot->first_fact = (fact_id)catalogue_count(engine->catalogue);
	for (size_t i = 0; i < check->n_facts; i++) {
		const struct fact *fact = &check->facts[i];
		if (catalogue_add(engine->catalogue, check->name, fact->name, fact->kind, slot->points_milli[i],
		                  fact->text, err) == FACT_NO_ID)
			return -1;
	}
	return 0;
}

static int checks_configure(struct engine *engine, struct err *err)
{
	for (size_t i = 0; i < engine->settings->n_checks; i++) {
		struct engine_check *slot = &engine->settings->checks[i];
		if (check_facts_add(engine, slot, err))
			return -1;
		slot->configured = true;
		if (slot->check->configure && slot->check->configure(slot->own, engine->catalogue, engine->config, err))
			return -1;
	}
	return 0;
}

static void parts_sort(struct engine *engine)
{
	size_t n = 0;

	for (int stage = 0; stage < STAGES; stage++) {
		engine->first_part[stage] = n;
		for (size_t i = 0; i < engine->settings->n_checks; i++) {
			const struct engine_check *slot = &engine->settings->checks[i];
			for (size_t p = 0;
			     engine_check_enabled(slot) && p < slot->check->n_parts && n < ENGINE_PARTS_MAX; p++)
				if ((int)slot->check->parts[p].starts_at == stage)
					engine->parts[n++] = (struct engine_part){ slot, &slot->check->parts[p] };
		}
	}
	engine->first_part[STAGES] = n;
}

static uint64_t sid_base_new(void)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return ((uint64_t)time(NULL) << 30) | ((uint64_t)(random & 0x3ff) << 20);
}

struct engine *engine_open(struct engine_config *settings, struct config *config, struct err *err)
{
	struct engine *engine = memory_new(sizeof(*engine));
	const struct dns_settings dns = engine_config_dns(settings);

	engine->settings = settings;
	engine->config = config;
	engine->catalogue = catalogue_open();
	engine->digest = config_digest(config);
	if (checks_configure(engine, err) || dns_check(&dns, err))
		goto fail;
	engine->policy = policy_open(&settings->policy, engine->catalogue, config, err);
	if (!engine->policy)
		goto fail;
	parts_sort(engine);
	return engine;
fail:
	engine_close(&engine);
	return NULL;
}

static int checks_open(struct engine *engine, struct err *err)
{
	for (size_t i = 0; i < engine->settings->n_checks; i++) {
		struct engine_check *slot = &engine->settings->checks[i];
		if (!engine_check_enabled(slot) || !slot->check->open)
			continue;
		if (slot->check->open(slot->own, &engine->tally, err))
			return -1;
		slot->open = true;
	}
	return 0;
}

static void checks_close(struct engine *engine)
{
	for (size_t i = engine->settings->n_checks; i-- > 0;) {
		struct engine_check *slot = &engine->settings->checks[i];
		if (slot->open && slot->check->close)
			slot->check->close(slot->own);
		slot->open = false;
	}
}

void engine_name_facts(struct engine *engine, struct counters *counters)
{
	for (size_t id = 0; id < catalogue_count(engine->catalogue); id++)
		engine->fact_slots[id] = (uint16_t)counters_name_fact(
			counters, catalogue_info(engine->catalogue, (fact_id)id)->name);
}

void engine_set_tally(struct engine *engine, const struct tally *tally)
{
	engine->tally = *tally;
}

int engine_start(struct engine *engine, struct err *err)
{
	struct dns_settings settings = engine_config_dns(engine->settings);

	settings.tally = engine->tally;
	engine->sid_base = sid_base_new();
	suffix_open();
	engine->started = true;
	if (checks_open(engine, err))
		return -1;
	engine->dns = dns_open(&settings, err);
	return engine->dns ? 0 : -1;
}

void engine_close(struct engine **engine)
{
	if (!*engine)
		return;
	dns_close(&(*engine)->dns);
	checks_close(*engine);
	if ((*engine)->started)
		suffix_close();
	policy_close(&(*engine)->policy);
	catalogue_close(&(*engine)->catalogue);
	free(*engine);
	*engine = NULL;
}

const struct catalogue *engine_catalogue(const struct engine *engine)
{
	return engine->catalogue;
}

const struct policy *engine_policy(const struct engine *engine)
{
	return engine->policy;
}

struct dns *engine_dns(const struct engine *engine)
{
	return engine->dns;
}

bool engine_monitors(const struct engine *engine)
{
	return engine->settings->engine.mode == ENGINE_MODE_MONITOR;
}

int engine_threshold(const struct engine *engine, enum action action)
{
	return engine->settings->policy.threshold_milli[action];
}
