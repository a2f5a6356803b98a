/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings - the daemon's own options (the top level of the configuration), and everything that a configuration makes.
 *
 * Threads: a setup is built by the supervisor and immutable afterwards; a worker has the copy with which it was forked.
 */
#ifndef MAILREEVE_DAEMON_SETTINGS_H
#define MAILREEVE_DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "daemon/listener.h"
#include "daemon/metrics.h"
#include "daemon/options.h"
#include "engine/engine.h"
#include "headers/headers.h"

struct daemon_settings {
	const char *socket, *socket_group;
	const char *user, *group;
	const char *pid_file; /* "": none */
	int socket_mode;
	int log; /* enum log_target */
	int drain_s;
	int idle_timeout_s;
	int files_max;
	bool seccomp;
};

extern const struct config_row daemon_rows[];
extern const size_t daemon_n_rows;

struct setup {
	struct daemon_settings daemon;
	struct headers_settings headers;
	struct metrics_settings metrics;
	struct listener_address address; /* daemon.socket, read */
	struct engine_config *engine_config;
	struct config *config;
	struct engine *engine; /* open, not started */
	uint16_t digest;
	struct config_section sections[ENGINE_SECTIONS_MAX + 3];
};

/* Read and check everything that the options name. NULL with err, which may have several lines. */
struct setup *setup_open(const struct options *options, struct err *err);
void setup_close(struct setup **setup);

/* Log every warning of the configuration. */
void setup_log_warnings(const struct setup *setup);

/* Log a warning for every option that differs in `next` and needs a restart to change. */
void setup_log_fixed(const struct setup *running, const struct setup *next);

/* Log an error text line by line, each after `prefix`. */
void setup_log_errors(const char *prefix, const struct err *err);

#endif
