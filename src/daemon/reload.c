/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/reload.h"

#include "base/log.h"

#define DRAIN_MS    (3600 * 1000) /* what a session that began before a reload may last */
#define TAKEOVER_MS 2000          /* how long older workers may take to leave the shared socket */

void reload_open(struct reload *reload, const struct supervisor_start *start, struct workers *workers)
{
	*reload = (struct reload){
		.start = start,
		.workers = workers,
		.setup = start->setup,
		.takeover_until = WORKERS_NEVER,
	};
}

void reload_close(struct reload *reload)
{
	setup_close(&reload->candidate);
	setup_close(&reload->owned);
}

static void count(const struct reload *reload, enum counter counter)
{
	counters_add(&(struct tally){ reload->start->counters, 0 }, counter, 1);
}

/* Finished or refused. */
static void end(struct reload *reload)
{
	metrics_keep(reload->start->metrics);
	setup_close(&reload->candidate);
	notify_serving(reload->start->notify, true, reload->setup->digest,
	               workers_count(reload->workers, WORKER_DRAINING));
}

static void refuse(struct reload *reload, const struct err *why)
{
	count(reload, COUNTER_RELOADS_REFUSED);
	setup_log_errors("reload refused: ", why);
	log_error("reload refused: the configuration stays as it was (cfg=%04x)", reload->setup->digest);
	end(reload);
}

bool reload_is_due(const struct reload *reload)
{
	return reload->wanted && !reload->candidate && reload->takeover_until == WORKERS_NEVER;
}

bool reload_begin(struct reload *reload,
                  struct worker_entry *(*launch)(void *context, const struct setup *setup, struct err *err),
                  void *context)
{
	struct err err = { "" };
	struct worker_entry *entry = NULL;

	reload->wanted = false;
	notify_reloading(reload->start->notify);
	reload->candidate = setup_open(reload->start->options, &err);
	if (reload->candidate &&
	    metrics_prepare(reload->start->metrics, &reload->candidate->metrics, (uid_t)-1, (gid_t)-1, &err) == 0)
		entry = launch(context, reload->candidate, &err);
	if (!entry) {
		refuse(reload, &err);
		return false;
	}
	entry->candidate = true;
	setup_log_warnings(reload->candidate);
	setup_log_fixed(reload->start->setup, reload->candidate);
	return true;
}

void reload_take_over(struct reload *reload, struct worker_entry *candidate)
{
	candidate->candidate = false;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_entry *entry = &reload->workers->entries[i];
		if (entry != candidate && (entry->state == WORKER_SERVING || entry->state == WORKER_STARTING))
			workers_tell(entry, CONTROL_DRAIN, DRAIN_MS);
	}
	setup_close(&reload->owned);
	reload->owned = reload->candidate;
	reload->setup = reload->owned;
	reload->candidate = NULL;
	metrics_change(reload->start->metrics);
	reload->takeover_until = clock_now() + TAKEOVER_MS;
}

/* "Reloaded" is said when it is true of the very next connection. */
void reload_finish(struct reload *reload, clock_ms now)
{
	if (reload->takeover_until == WORKERS_NEVER ||
	    (!workers_have_left(reload->workers) && now < reload->takeover_until))
		return;
	reload->takeover_until = WORKERS_NEVER;
	count(reload, COUNTER_RELOADS);
	log_info("reloaded: every new session is served with cfg=%04x", reload->setup->digest);
	workers_hurry_oldest(reload->workers, reload->setup->daemon.drain_s);
	end(reload);
}

void reload_fail(struct reload *reload, const char *why)
{
	struct err err;

	err_set(&err, "the new worker did not become ready: %s", why);
	refuse(reload, &err);
}
