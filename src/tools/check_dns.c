/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_dns.h"

#include <sys/stat.h>

#define TIMEOUT_MS       20000 /* RFC 7208 4.6.4: at least 20 seconds */
#define TIMEOUT_MAX_MS   600000
#define ZONE_QUESTION_MS 1000 /* a "!timeout" in a zone file needs no longer wait to be one */
#define QUESTIONS_MAX    1024
#define ARENA_OCTETS_MAX (64UL * 1024 * 1024)

static struct dns_settings settings_of(const struct tool_options *options, int timeout_ms)
{
	struct dns_settings settings = dns_default_settings();

	settings.session_outstanding_max = QUESTIONS_MAX;
	if (options->zone) {
		settings.mode = DNS_MODE_ZONE;
		settings.zone_file = options->zone;
		settings.question_ms = ZONE_QUESTION_MS;
	} else if (options->n_resolvers > 0) {
		settings.mode = DNS_MODE_FORWARD;
		settings.forward = options->resolvers;
		settings.n_forward = options->n_resolvers;
	}
	if (settings.question_ms > timeout_ms)
		settings.question_ms = timeout_ms;
	return settings;
}

/* It is read more than once: of a pipe nothing would be left the second time, and every name would be missing. */
static bool is_other_than_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

enum tool_exit tool_dns_open(struct tool_dns *dns, const struct tool_options *options, struct err *err)
{
	struct dns_settings settings;
	struct err why = { "" };

	*dns = (struct tool_dns){ .quota = { .max_octets = ARENA_OCTETS_MAX } };
	arena_open(&dns->arena, &dns->quota);
	if (options->zone && options->n_resolvers > 0) {
		err_set(err, "--zone and --resolver exclude each other: with a zone file nobody is asked");
		return TOOL_USAGE;
	}
	if (tool_number(&dns->timeout_ms, "--timeout", options->timeout, 1, TIMEOUT_MAX_MS, TIMEOUT_MS, err))
		return TOOL_USAGE;
	if (options->zone && is_other_than_file(options->zone)) {
		err_set(err, "--zone %s: must be a regular file, no pipe, directory or device", options->zone);
		return TOOL_USAGE;
	}
	if (options->zone && tool_records_are_in(options->zone)) {
		dns->records = tool_records_open(options->zone, err);
		return dns->records ? TOOL_DONE : TOOL_USAGE;
	}
	settings = settings_of(options, dns->timeout_ms);
	if (dns_check(&settings, &why)) {
		const char *option = options->zone ? "--zone: " : options->n_resolvers > 0 ? "--resolver: " : "";
		err_set(err, "%s%s", option, why.text);
		return *option ? TOOL_USAGE : TOOL_FAILED;
	}
	dns->dns = dns_open(&settings, err);
	if (!dns->dns)
		return TOOL_FAILED;
	dns->session = dns_session_open(dns->dns);
	return TOOL_DONE;
}

void tool_dns_close(struct tool_dns *dns)
{
	dns_session_close(&dns->session);
	dns_close(&dns->dns);
	tool_records_close(&dns->records);
	arena_close(&dns->arena);
}

void *tool_dns_ask(void *context, const char *name, enum dns_type type)
{
	struct tool_dns *dns = context;

	if (dns->records)
		return (void *)(uintptr_t)tool_records_ask(dns->records, name, type, &dns->arena);
	return dns_ask(dns->session, &dns->arena, name, type, DNS_FLAG_NONE);
}

enum dns_status tool_dns_poll(void *context, void *question, const struct dns_answer **answer)
{
	const struct tool_dns *dns = context;

	if (!dns->records)
		return dns_poll(question, answer);
	if (answer)
		*answer = question;
	return ((const struct dns_answer *)question)->status;
}

bool tool_dns_wait(struct tool_dns *dns, clock_ms deadline)
{
	if (clock_now() >= deadline)
		return false;
	return dns->records || dns_session_wait(dns->session, deadline);
}
