/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_world - an engine on a zone file, and one session of it. Included by the test programs of what works on top of
 * the engine.
 */
#ifndef MAILREEVE_TESTS_ENGINE_WORLD_H
#define MAILREEVE_TESTS_ENGINE_WORLD_H

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
#include "engine/engine.h"
#include "headers/headers.h"

#define OVERRIDES_MAX 16

struct world {
	char zone_file[64], override_zone[96];
	struct engine_config *settings;
	struct config *config;
	struct engine *engine;
	struct engine_session *session;
	unsigned waits;
};

static inline void count_wait(void *context)
{
	((struct world *)context)->waits++;
}

/* An engine on this zone, with further overrides (NULL-terminated), and one session. */
static inline void world_open_on(struct world *world, const char *zone, const char *const *overrides)
{
	const char *all[OVERRIDES_MAX] = { "dns.mode=zone",      world->override_zone,   "rdns.points.none=0.0",
		                           "helo.enabled=false", "sender.enabled=false", "format.enabled=false" };
	struct config_section sections[ENGINE_SECTIONS_MAX];
	struct err err = { "" };
	size_t n = 6;

	*world = (struct world){ .zone_file = "/tmp/mailreeve-test-engine-XXXXXX" };
	int fd = mkstemp(world->zone_file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, zone, strlen(zone)), strlen(zone));
	close(fd);
	snprintf(world->override_zone, sizeof(world->override_zone), "dns.zone_file=\"%s\"", world->zone_file);
	while (overrides && *overrides && n < OVERRIDES_MAX)
		all[n++] = *overrides++;
	world->settings = engine_config_open();
	world->config = config_open(NULL, all, n, sections, engine_config_sections(world->settings, sections), &err);
	if (!world->config)
		fail_msg("%s", err.text);
	world->engine = engine_open(world->settings, world->config, &err);
	if (!world->engine || engine_start(world->engine, &err))
		fail_msg("%s", err.text);
	world->session = engine_session_open(world->engine, &(struct engine_hooks){ count_wait, world });
}

static inline void world_close(struct world *world)
{
	engine_session_close(&world->session);
	engine_close(&world->engine);
	config_close(&world->config);
	engine_config_close(&world->settings);
	unlink(world->zone_file);
}

static inline const struct decision *connect_from(struct world *world, const char *address)
{
	struct engine_client client = { .name = "unknown", .mta_name = "mx.example.org" };

	ip_parse(&client.ip, address);
	return engine_connect(world->session, &client);
}

/* Connect, HELO, MAIL. */
static inline void begin(struct world *world, const char *address, const char *from)
{
	connect_from(world, address);
	engine_helo(world->session, "client.example.net", NULL);
	engine_mail(world->session, from, NULL, NULL, NULL);
}

static inline const struct decision *rcpt(struct world *world, const char *to)
{
	return engine_rcpt(world->session, to, NULL);
}

/* The message itself is in order, and says nothing. */
static inline const struct decision *eom(struct world *world)
{
	engine_header(world->session, "From", " A <a@example.net>");
	engine_headers(world->session);
	return engine_eom(world->session, "4F2A1");
}

static inline const char *line_of(struct world *world, const struct decision *decision)
{
	static char memory[8192];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	engine_log_line(&line, world->session, decision);
	return memory;
}

static inline void assert_line_has(struct world *world, const struct decision *decision, const char *text)
{
	const char *line = line_of(world, decision);

	if (!strstr(line, text))
		fail_msg("\"%s\" is not in: %s", text, line);
}

#endif
