/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_rig - the checks at work without the engine: a configuration, a world of DNS in a zone file, one transaction.
 * Included by the test programs of the checks.
 *
 * Whatever is stated was announced: after each step of each part the rig asserts that every new fact was in
 * may_state() before the step, and that what may still be stated never grows.
 */
#ifndef MAILREEVE_TESTS_CHECK_RIG_H
#define MAILREEVE_TESTS_CHECK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "checks/check.h"

#define RIG_CHECKS_MAX    8
#define RIG_RUNS_MAX      32
#define RIG_OVERRIDES_MAX 8
#define RIG_STEPS_MAX     5000
#define RIG_TEXT_MAX      8192

/* ---- lists, as they stand in the configuration ---- */

#define CODE(code, name, points) "{ code = \"" code "\"; name = \"" name "\"; points = " points "; }"
#define LIST(rest, codes)        "{ " rest " codes = ( " codes " ); }"
#define BLOCK_CODES \
	CODE("127.0.0.2", "sbl", "4.0") "," CODE("127.0.0.4-7", "xbl", "5.0") "," CODE("127.0.0.10-11", "pbl", "3.0")
#define BLOCK LIST("name = \"zen\"; zone = \"bl.example.org\"; errors = [ \"127.0.0.255\" ];", BLOCK_CODES)
#define ALLOW                                                               \
	LIST("name = \"wl\"; kind = \"allow\"; zone = \"wl.example.org\";", \
	     CODE("127.0.*.1", "low", "-1.0") "," CODE("127.0.*.3", "high", "-5.0"))
#define MASKS                                                 \
	LIST("name = \"mask\"; zone = \"mask.example.org\";", \
	     CODE("127.0.0.&2", "proxy", "2.0") "," CODE("127.0.0.&8", "bot", "1.0"))
#define KEYED                                                                                      \
	LIST("name = \"keyed\"; zone = \"{key}.dq.example.org\"; key = \"k3yk3yk3yk3yk3yk3yk3\";", \
	     CODE("127.0.0.2", "hit", "4.0"))
#define DOMAINS                                                                                      \
	LIST("name = \"dbl\"; zone = \"dbl.example.org\"; over = [ \"helo\", \"sender\", \"ptr\" ];" \
	     " errors = [ \"127.0.1.255\" ];",                                                       \
	     CODE("127.0.1.2", "low", "2.0") "," CODE("127.0.1.4", "phish", "6.0"))
#define MIXED                                                                                  \
	LIST("name = \"mix\"; zone = \"mix.example.org\"; over = [ \"client\", \"sender\" ];", \
	     CODE("127.0.0.2", "bad", "2.0"))
#define LISTS(...) "dnsbl.lists=( " __VA_ARGS__ " )"

/* ---- the rig ---- */

struct rig_check {
	const struct check *check;
	void *settings;
	fact_id first_fact;
	bool configured, open;
};

struct rig {
	struct config *config;
	struct catalogue *catalogue;
	struct rig_check checks[RIG_CHECKS_MAX];
	size_t n_checks;
	struct dns_settings dns_settings;
	struct dns *dns;
	struct dns_session *session;
	struct arena_quota quota;
	struct arena arena;
	struct evidence scopes[4]; /* connection, HELO, message, recipient */
	struct subject subject;
	struct findings findings;
	struct check_run runs[RIG_RUNS_MAX];
	struct arena work[RIG_RUNS_MAX]; /* of each run */
	size_t n_runs;
	int stage; /* -1 before connect */
	char zone_path[64];
};

/* ---- configuration ---- */

static inline const struct check *rig_find_check(const char *name)
{
	for (const struct check *const *at = checks_table; *at != NULL; at++) {
		if (strcmp((*at)->name, name) == 0)
			return *at;
	}
	fail_msg("no check %s", name);
	return NULL;
}

/* Read the overrides ("dnsbl.lists=(...)") into the checks' settings, and configure them. 0 or -1, with err. */
static inline int rig_configure(struct rig *rig, const char *const *checks, const char *const *overrides,
                                struct err *err)
{
	struct config_section sections[RIG_CHECKS_MAX];
	size_t n_overrides = 0;

	memset(rig, 0, sizeof(*rig));
	rig->stage = -1;
	for (; checks[rig->n_checks] != NULL; rig->n_checks++) {
		const struct check *check = rig_find_check(checks[rig->n_checks]);
		struct rig_check *slot = &rig->checks[rig->n_checks];
		slot->check = check;
		slot->settings = memory_new(check->settings_size);
		sections[rig->n_checks] = (struct config_section){ check->name, check->help, check->options,
			                                           check->n_options, slot->settings };
	}
	while (overrides != NULL && n_overrides < RIG_OVERRIDES_MAX && overrides[n_overrides] != NULL)
		n_overrides++;
	rig->catalogue = catalogue_open();
	rig->config = config_open(NULL, overrides, n_overrides, sections, rig->n_checks, err);
	if (rig->config == NULL)
		return -1;
	for (size_t i = 0; i < rig->n_checks; i++) {
		struct rig_check *slot = &rig->checks[i];
		slot->first_fact = (fact_id)catalogue_count(rig->catalogue);
		for (size_t f = 0; f < slot->check->n_facts; f++) {
			const struct fact *fact = &slot->check->facts[f];
			assert_int_not_equal(catalogue_add(rig->catalogue, slot->check->name, fact->name, fact->kind,
			                                   fact->points_milli, fact->text, err),
			                     FACT_NO_ID);
		}
		if (slot->check->configure != NULL &&
		    slot->check->configure(slot->settings, rig->catalogue, rig->config, err) != 0)
			return -1;
		slot->configured = true;
	}
	return 0;
}

static inline void rig_work_over(struct rig *rig, struct arena *work)
{
	if (rig->session != NULL)
		dns_session_cancel(rig->session, work);
	arena_reset(work);
}

static inline void rig_close(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_runs; i++) /* before the session: who waits for something beside DNS lets it go */
		rig_work_over(rig, &rig->work[i]);
	rig_work_over(rig, &rig->arena);
	dns_session_close(&rig->session);
	dns_close(&rig->dns);
	for (size_t i = 0; i < rig->n_checks; i++) {
		struct rig_check *slot = &rig->checks[i];
		if (slot->open && slot->check->close != NULL)
			slot->check->close(slot->settings);
		if (slot->configured && slot->check->release != NULL)
			slot->check->release(slot->settings);
		free(slot->settings);
	}
	catalogue_close(&rig->catalogue);
	config_close(&rig->config);
	if (rig->zone_path[0] != '\0')
		unlink(rig->zone_path);
}

/* The configuration with this override is refused, and the error says so. */
static inline void rig_refuses(const char *const *checks, const char *override, const char *says)
{
	const char *const overrides[] = { override, NULL };
	struct err err = { "" };
	struct rig rig;

	assert_int_equal(rig_configure(&rig, checks, overrides, &err), -1);
	if (strstr(err.text, says) == NULL)
		fail_msg("%s: \"%s\" lacks \"%s\"", override, err.text, says);
	rig_close(&rig);
}

/* ---- the world ---- */

static inline void rig_write_zone(struct rig *rig, const char *zone)
{
	const char *folder = getenv("TMPDIR");
	size_t octets = strlen(zone);
	int fd;

	snprintf(rig->zone_path, sizeof(rig->zone_path), "%.40s/rig-XXXXXX", folder != NULL ? folder : "/tmp");
	fd = mkstemp(rig->zone_path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, zone, octets), octets);
	close(fd);
}

/* After rig_configure(); rig->dns_settings may be changed between this and rig_open_dns(). */
static inline void rig_prepare(struct rig *rig, const char *zone)
{
	rig_write_zone(rig, zone);
	rig->dns_settings = dns_default_settings();
	rig->dns_settings.mode = DNS_MODE_ZONE;
	rig->dns_settings.zone_file = rig->zone_path;
	rig->dns_settings.question_ms = 60000;
	rig->quota.max_octets = 4u << 20;
	arena_open(&rig->arena, &rig->quota);
	evidence_open(&rig->scopes[0], NULL);
	for (size_t i = 1; i < COUNT(rig->scopes); i++)
		evidence_open(&rig->scopes[i], &rig->scopes[i - 1]);
}

static inline void rig_open_dns(struct rig *rig)
{
	struct err err = { "" };

	rig->dns = dns_open(&rig->dns_settings, &err);
	if (rig->dns == NULL)
		fail_msg("%s", err.text);
	rig->session = dns_session_open(rig->dns);
	for (size_t i = 0; i < rig->n_checks; i++) {
		struct rig_check *slot = &rig->checks[i];
		if (slot->check->open != NULL && slot->check->open(slot->settings, &(struct tally){ 0 }, &err) != 0)
			fail_msg("%s", err.text);
		slot->open = true;
	}
}

/* ---- the engine's part ---- */

static inline void rig_part_may_state(const struct check_run *run, struct factset *set)
{
	if (run->part->may_state != NULL) {
		run->part->may_state(run, set);
		return;
	}
	for (size_t i = 0; i < run->check->n_facts; i++)
		check_may(run, i, set);
}

static inline struct check_run rig_run(struct rig *rig, const struct rig_check *slot, const struct check_part *part)
{
	static const int scope_of[STAGES] = { 0, 1, 2, 3, 2, 2 };

	return (struct check_run){
		.check = slot->check,
		.part = part,
		.settings = slot->settings,
		.first_fact = slot->first_fact,
		.subject = &rig->subject,
		.findings = &rig->findings,
		.evidence = &rig->scopes[scope_of[part->starts_at]],
		.arena = &rig->arena,
		.keep = &rig->arena,
		.dns = rig->session,
		.stage = rig->stage < 0 ? STAGE_CONNECT : (enum stage)rig->stage,
	};
}

/* What all parts together may still state: the open ones, and those that have not started. */
static inline void rig_may_state(struct rig *rig, struct factset *set)
{
	memset(set, 0, sizeof(*set));
	for (size_t i = 0; i < rig->n_runs; i++) {
		if (!rig->runs[i].done)
			rig_part_may_state(&rig->runs[i], set);
	}
	for (size_t i = 0; i < rig->n_checks; i++) {
		for (size_t p = 0; p < rig->checks[i].check->n_parts; p++) {
			const struct check_part *part = &rig->checks[i].check->parts[p];
			struct check_run run = rig_run(rig, &rig->checks[i], part);
			if ((int)part->starts_at > rig->stage)
				rig_part_may_state(&run, set);
		}
	}
}

static inline void rig_facts(const struct rig *rig, struct factset *set)
{
	memset(set, 0, sizeof(*set));
	evidence_facts(&rig->scopes[3], set);
}

static inline void rig_assert_within(const struct rig *rig, const struct factset *inner, const struct factset *outer,
                                     const struct factset *also, const char *what)
{
	for (fact_id id = 0; id < catalogue_count(rig->catalogue); id++) {
		if (factset_has(inner, id) && !factset_has(outer, id) && (also == NULL || !factset_has(also, id)))
			fail_msg("%s: %s", what, catalogue_info(rig->catalogue, id)->name);
	}
}

/* One call of start() or collect(), watched. Returns whether the part is done. */
static inline bool rig_step(struct rig *rig, struct check_run *run, enum check_state (*call)(struct check_run *run))
{
	struct factset may, before, after, may_after;

	memset(&may, 0, sizeof(may));
	rig_part_may_state(run, &may);
	rig_facts(rig, &before);
	run->done = call(run) == CHECK_DONE;
	rig_facts(rig, &after);
	rig_assert_within(rig, &after, &may, &before, "stated, but not announced");
	memset(&may_after, 0, sizeof(may_after));
	if (!run->done)
		rig_part_may_state(run, &may_after);
	rig_assert_within(rig, &may_after, &may, NULL, "may be stated suddenly");
	if (run->done && run->part->starts_at < STAGE_HEADERS)
		rig_work_over(rig, run->arena);
	return run->done;
}

/* Start every part of a stage; of the stages up to it if they were left out. */
static inline void rig_start(struct rig *rig, enum stage stage)
{
	struct factset before, after;

	while (rig->stage < (int)stage) {
		rig_may_state(rig, &before);
		rig->stage++;
		for (size_t i = 0; i < rig->n_checks; i++) {
			for (size_t p = 0; p < rig->checks[i].check->n_parts; p++) {
				const struct check_part *part = &rig->checks[i].check->parts[p];
				struct check_run *run = &rig->runs[rig->n_runs];
				if ((int)part->starts_at != rig->stage)
					continue;
				assert_true(rig->n_runs < RIG_RUNS_MAX);
				*run = rig_run(rig, &rig->checks[i], part);
				run->arena = &rig->work[rig->n_runs++];
				arena_open(run->arena, &rig->quota);
				run->started = true;
				rig_step(rig, run, part->start);
			}
		}
		rig_may_state(rig, &after);
		rig_assert_within(rig, &after, &before, NULL, "may be stated suddenly");
	}
}

/* Collect once, as the engine does whenever something was answered. Returns how many parts are still open. */
static inline size_t rig_collect(struct rig *rig, bool closing)
{
	size_t open = 0;

	for (size_t i = 0; i < rig->n_runs; i++) {
		struct check_run *run = &rig->runs[i];
		if (run->done)
			continue;
		assert_non_null(run->part->collect);
		run->closing = closing;
		open += !rig_step(rig, run, run->part->collect);
	}
	if (closing)
		assert_int_equal(open, 0);
	return open;
}

/* ---- the message itself, after rig_start(rig, STAGE_HEADERS) ---- */

static inline void rig_header(struct rig *rig, const char *name, const char *value)
{
	if (strcmp(name, "From") == 0) {
		struct author *author = arena_alloc(&rig->arena, sizeof(*author));
		author_parse(author, value, &rig->arena);
		assert_true(rig->subject.n_from < SUBJECT_FROM_MAX);
		rig->subject.from[rig->subject.n_from++] = author;
	}
	for (size_t i = 0; i < rig->n_runs; i++) {
		if (!rig->runs[i].done && rig->runs[i].part->header != NULL)
			rig->runs[i].part->header(&rig->runs[i], name, value);
	}
}

static inline void rig_headers_end(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_runs; i++) {
		if (!rig->runs[i].done && rig->runs[i].part->headers_end != NULL)
			rig->runs[i].part->headers_end(&rig->runs[i]);
	}
	rig_collect(rig, false);
}

static inline void rig_body(struct rig *rig, const char *text, size_t octets)
{
	for (size_t i = 0; i < rig->n_runs; i++) {
		if (!rig->runs[i].done && rig->runs[i].part->body != NULL)
			rig->runs[i].part->body(&rig->runs[i], (const uint8_t *)text, octets);
	}
}

static inline void rig_body_end(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_runs; i++) {
		if (!rig->runs[i].done && rig->runs[i].part->body_end != NULL)
			rig->runs[i].part->body_end(&rig->runs[i]);
	}
}

/* Until all parts that have started are done. */
static inline void rig_finish(struct rig *rig)
{
	for (int step = 0; rig_collect(rig, false) > 0; step++) {
		if (step > RIG_STEPS_MAX)
			fail_msg("a part never ends");
		dns_session_wait(rig->session, clock_now() + 60000);
	}
}

/* "rdns.none dnsbl.zen.sbl(127.0.0.2)": everything stated, in the order of the catalogue. */
static inline const char *rig_text(const struct rig *rig, char text[RIG_TEXT_MAX])
{
	struct strbuf buf;

	strbuf_open(&buf, text, RIG_TEXT_MAX);
	for (fact_id id = 0; id < catalogue_count(rig->catalogue); id++) {
		const struct evidence_item *item = evidence_find(&rig->scopes[3], id);
		if (item == NULL)
			continue;
		strbuf_addf(&buf, "%s%s", buf.length > 0 ? " " : "", catalogue_info(rig->catalogue, id)->name);
		if (item->detail[0] != '\0')
			strbuf_addf(&buf, "(%s)", item->detail);
	}
	return text;
}

#endif
