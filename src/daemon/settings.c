/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/log.h"
#include "daemon/privileges.h"

#define AT(field) offsetof(struct daemon_settings, field)

/* In the order of enum log_target. */
static const char *const log_choices[] = { "stderr", "syslog", NULL };

_Static_assert(LOG_TO_STDERR == 0 && LOG_TO_SYSLOG == 1, "log_choices follows enum log_target");

const struct config_row daemon_rows[] = {
	{ .name = "socket",
	  .type = CONFIG_STRING,
	  .offset = AT(socket),
	  .min = 1,
	  .max = 255,
	  .fallback = "\"unix:/run/mailreeve/mailreeve.sock\"",
	  .help = "Where the MTA connects: \"unix:PATH\" (also \"local:PATH\"), \"inet:PORT@ADDRESS\" or "
	          "\"inet6:PORT@ADDRESS\". Without an address: on "
	          "every address of the machine. A socket handed over by systemd is used in its place." },
	{ .name = "socket_mode",
	  .type = CONFIG_MODE,
	  .offset = AT(socket_mode),
	  .min = 0,
	  .max = 0777,
	  .fallback = "\"0660\"",
	  .help = "The rights of a unix socket. Who may write to it may connect." },
	{ .name = "socket_group",
	  .type = CONFIG_STRING,
	  .offset = AT(socket_group),
	  .max = 255,
	  .fallback = "\"\"",
	  .help = "The group of a unix socket, for example the MTA's. Empty: the directory's group where the directory "
	          "is setgid, else the daemon's own." },
	{ .name = "user",
	  .type = CONFIG_STRING,
	  .offset = AT(user),
	  .max = 255,
	  .fallback = "\"" PRIVILEGES_DEFAULT_USER "\"",
	  .help = "The user that the daemon becomes when root starts it. Started by somebody else it stays who it "
	          "is." },
	{ .name = "group",
	  .type = CONFIG_STRING,
	  .offset = AT(group),
	  .max = 255,
	  .fallback = "\"\"",
	  .help = "The group that it becomes a member of with that. Empty: the user's own." },
	{ .name = "pid_file",
	  .type = CONFIG_STRING,
	  .offset = AT(pid_file),
	  .max = 1024,
	  .fallback = "\"/run/mailreeve/mailreeve.pid\"",
	  .help = "Where the supervisor's process id is written. Empty: nowhere." },
	{ .name = "log",
	  .type = CONFIG_ENUM,
	  .offset = AT(log),
	  .fallback = "\"syslog\"",
	  .choices = log_choices,
	  .help = "syslog: the system's mail log. stderr: standard error (with -f)." },
	{ .name = "drain_s",
	  .type = CONFIG_INT,
	  .offset = AT(drain_s),
	  .min = 0,
	  .max = 3600,
	  .fallback = "30",
	  .help = "How many seconds running sessions are given to finish when the daemon is stopped." },
	{ .name = "idle_timeout_s",
	  .type = CONFIG_INT,
	  .offset = AT(idle_timeout_s),
	  .min = 60,
	  .max = 86400,
	  .fallback = "7200",
	  .help = "A connection over which the MTA says nothing for so many seconds is closed. It must be longer than "
	          "the MTA keeps an idle client." },
	{ .name = "files_max",
	  .type = CONFIG_INT,
	  .offset = AT(files_max),
	  .min = 256,
	  .max = 1048576,
	  .fallback = "65536",
	  .help = "How many files (connections) the daemon asks the system to allow it. It gets at most what the hard "
	          "limit allows, unless root starts it." },
	{ .name = "seccomp",
	  .type = CONFIG_BOOL,
	  .offset = AT(seccomp),
	  .fallback = "true",
	  .help = "The workers may ask of the kernel only what they need (a seccomp filter). Where the kernel cannot, a "
	          "warning says so." },
};
const size_t daemon_n_rows = COUNT(daemon_rows);

static int check_daemon(struct setup *setup, struct err *err)
{
	const struct daemon_settings *daemon = &setup->daemon;
	struct err why = { "" };

	if (listener_parse(&setup->address, daemon->socket, &why))
		return config_fault(setup->config, &daemon->socket, err, "%s", why.text);
	if (setup->address.everywhere)
		config_warn(
			setup->config, &daemon->socket,
			"listens on every address of this machine: whoever reaches the port can use it; add @ADDRESS");
	if (*daemon->pid_file && daemon->pid_file[0] != '/')
		return config_fault(setup->config, &daemon->pid_file, err,
		                    "must be a path that begins with a slash, or empty");
	return 0;
}

/* ---- secrets ---- */

struct secret_search {
	struct setup *setup;
	struct err *err;
};

/* Whose name the remedy is told with. */
static const char *own_group(const struct daemon_settings *daemon)
{
	if (*daemon->group)
		return daemon->group;
	return *daemon->user ? daemon->user : "root";
}

/* Whom its rights let read or change a file beside us; NULL: nobody. */
static const char *other_readers(const struct daemon_settings *daemon, const struct stat *status)
{
	if (status->st_mode & (S_IROTH | S_IWOTH))
		return "every user of this machine";
	if ((status->st_mode & (S_IRGRP | S_IWGRP)) &&
	    !privileges_is_own_group(status->st_gid, daemon->user, daemon->group))
		return "a group that mailreeve does not belong to";
	return NULL;
}

static int check_secret(void *context, const void *value, const char *file)
{
	const struct secret_search *search = context;
	const struct daemon_settings *daemon = &search->setup->daemon;
	struct stat status;
	const char *readers;

	if (!file) {
		config_warn(
			search->setup->config, value,
			"a secret on the command line can be seen by every user of this machine; put it into a file");
		return 0;
	}
	if (stat(file, &status))
		return config_fault(search->setup->config, value, search->err, "who can read %s is unknown: %s", file,
		                    strerror(errno));
	readers = other_readers(daemon, &status);
	if (!readers)
		return 0;
	return config_fault(
		search->setup->config, value, search->err,
		"it is a secret, and the rights of its file (%04o) let %s read or change it; \"chgrp %s %s\" and "
		"\"chmod 0640 %s\" would be right, or the same for a file of its own that is included with "
		"@include",
		(unsigned)(status.st_mode & 07777), readers, own_group(daemon), file, file);
}

struct setup *setup_open(const struct options *options, struct err *err)
{
	struct setup *setup = memory_new(sizeof(*setup));
	size_t n = 0;

	setup->engine_config = engine_config_open();
	setup->sections[n++] = (struct config_section){ "", "The daemon.", daemon_rows, daemon_n_rows, &setup->daemon };
	n += engine_config_sections(setup->engine_config, setup->sections + n);
	setup->sections[n++] = (struct config_section){ "headers", "Header fields that are written and removed.",
		                                        headers_rows, headers_n_rows, &setup->headers };
	setup->sections[n++] = (struct config_section){ "metrics", "What monitoring may ask.", metrics_rows,
		                                        METRICS_ROWS, &setup->metrics };
	setup->config = config_open(options->config_file, options->overrides, options->n_overrides, setup->sections, n,
	                            err);
	setup->metrics.confined = setup->daemon.seccomp;
	if (!setup->config || check_daemon(setup, err) || metrics_check(&setup->metrics, setup->config, err) ||
	    config_each_secret(setup->config, check_secret, &(struct secret_search){ setup, err }))
		goto fail;
	setup->engine = engine_open(setup->engine_config, setup->config, err);
	if (!setup->engine)
		goto fail;
	setup->digest = config_digest(setup->config);
	return setup;
fail:
	setup_close(&setup);
	return NULL;
}

void setup_close(struct setup **setup)
{
	if (!*setup)
		return;
	engine_close(&(*setup)->engine);
	engine_config_close(&(*setup)->engine_config);
	config_close(&(*setup)->config);
	free(*setup);
	*setup = NULL;
}

static void log_one_warning(void *context, const char *warning)
{
	(void)context;
	log_warning("%s", warning);
}

void setup_log_warnings(const struct setup *setup)
{
	config_each_warning(setup->config, log_one_warning, NULL);
}

void setup_log_fixed(const struct setup *running, const struct setup *next)
{
	const struct daemon_settings *old = &running->daemon, *new = &next->daemon;
	const struct {
		const char *name, *old, *new;
	} texts[] = {
		{ "socket", old->socket, new->socket },
		{ "socket_group", old->socket_group, new->socket_group },
		{ "user", old->user, new->user },
		{ "group", old->group, new->group },
		{ "pid_file", old->pid_file, new->pid_file },
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (strcmp(texts[i].old, texts[i].new) != 0)
			log_warning("%s = \"%s\": takes a restart; it stays \"%s\"", texts[i].name, texts[i].new,
			            texts[i].old);
	if (old->socket_mode != new->socket_mode)
		log_warning("socket_mode = \"%04o\": takes a restart; it stays \"%04o\"", (unsigned)new->socket_mode,
		            (unsigned)old->socket_mode);
	if (running->metrics.socket_mode != next->metrics.socket_mode)
		log_warning("metrics.socket_mode = \"%04o\": takes a restart; it stays \"%04o\"",
		            (unsigned)next->metrics.socket_mode, (unsigned)running->metrics.socket_mode);
	if (old->log != new->log)
		log_warning("log = \"%s\": takes a restart; it stays \"%s\"", log_choices[new->log],
		            log_choices[old->log]);
	if (old->files_max != new->files_max)
		log_warning("files_max = %d: takes a restart; it stays %d", new->files_max, old->files_max);
}

void setup_log_errors(const char *prefix, const struct err *err)
{
	const char *line = err->text;

	while (*line) {
		const size_t octets = strcspn(line, "\n");
		if (octets)
			log_error("%s%.*s", prefix, (int)octets, line);
		line += octets + (line[octets] == '\n');
	}
}
