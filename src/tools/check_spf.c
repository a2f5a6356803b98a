/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_spf.h"

#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "mail/address.h"

#define SHOWN_OCTETS 80 /* of an argument that a message repeats */

static const char *const identities[SPF_IDENTITIES] = { [SPF_HELO] = "helo", [SPF_MAIL_FROM] = "mailfrom" };

const char *spf_identity_name(enum spf_identity identity)
{
	return identities[identity];
}

static int wrong(struct err *err, const char *option, const char *value, const char *what_is_right)
{
	char shown[SHOWN_OCTETS];
	struct strbuf buf;

	strbuf_open(&buf, shown, sizeof(shown));
	strbuf_add_clean(&buf, value, "\"", sizeof(shown) - 1);
	return err_set(err, "--%s \"%s\": %s", option, shown, what_is_right);
}

static int set_client(struct spf_query *query, const char *text, struct err *err)
{
	if (!text)
		return err_set(err, "--ip is missing: the client's address, such as --ip 192.0.2.1");
	if (!ip_parse(&query->client, text))
		return wrong(err, "ip", text, "is no IP address: 192.0.2.1 or 2001:db8::1 would be right");
	return 0;
}

static int set_helo(struct spf_query *query, const char *text, struct err *err)
{
	if (!text)
		return err_set(err, "--helo is missing: the client's argument of HELO or EHLO, such as --helo "
		                    "mail.example.org; '' where it gave none");
	if (strlen(text) > ADDRESS_OCTETS_MAX)
		return wrong(err, "helo", text, "is longer than any command of SMTP");
	query->helo = text;
	return 0;
}

static int set_identity(struct spf_query *query, const struct tool_options *options, struct err *err)
{
	query->identity = options->from ? SPF_MAIL_FROM : SPF_HELO;
	if (!options->identity)
		return 0;
	for (size_t i = 0; i < SPF_IDENTITIES; i++) {
		if (strcmp(options->identity, identities[i]) == 0) {
			query->identity = (enum spf_identity)i;
			if (query->identity == SPF_MAIL_FROM && !options->from)
				return err_set(err, "--from is missing: the argument of MAIL FROM, such as --from "
				                    "user@example.org; '<>' is the null reverse-path");
			return 0;
		}
	}
	return wrong(err, "identity", options->identity, "helo or mailfrom would be right");
}

/* After set_identity(). */
static int set_scope(struct spf_query *query, const char *text, struct err *err)
{
	if (!text)
		return 0;
	for (query->scope = SPF_SCOPE_MFROM; query->scope < SPF_SCOPES; query->scope++) {
		if (strcmp(text, spf_scope_name(query->scope)) == 0)
			return query->identity == SPF_MAIL_FROM
			               ? 0
			               : wrong(err, "scope", text,
			                       "is for a mailbox: --from is missing, or --identity says helo");
	}
	return wrong(err, "scope", text, "mfrom or pra would be right");
}

static int set_sender(struct spf_query *query, const char *text, struct arena *arena, struct err *err)
{
	struct address address;
	const char *at;

	if (!text)
		return 0;
	if (strlen(text) > ADDRESS_OCTETS_MAX)
		return wrong(err, "from", text, "is longer than any command of SMTP");
	address_parse(&address, text, arena);
	query->local = address.local;
	query->domain = address.domain;
	if (address.null || *address.domain)
		return 0;
	/* Something that is no domain stays what it is: "" would be the null reverse-path. */
	at = strrchr(address.text, '@');
	if (!at || !at[1])
		return wrong(err, "from", text, "has no domain: user@example.org would be right, or '<>'");
	query->domain = at + 1;
	return 0;
}

int tool_spf_query(struct spf_query *query, const struct tool_options *options, struct arena *arena, struct err *err)
{
	*query = (struct spf_query){ .receiver = options->receiver ? options->receiver : "",
		                     .now_s = (uint64_t)time(NULL),
		                     .guess = options->guess };
	if (set_client(query, options->ip, err) || set_helo(query, options->helo, err))
		return -1;
	if (set_identity(query, options, err) || set_scope(query, options->scope, err) ||
	    set_sender(query, options->from, arena, err))
		return -1;
	if (strlen(query->receiver) > DOMAIN_OCTETS_MAX)
		return wrong(err, "receiver", query->receiver, "is longer than any name");
	return 0;
}

const struct spf_result *tool_spf_evaluate(const struct spf_query *query, const struct spf_limits *limits,
                                           struct tool_dns *dns, clock_ms deadline)
{
	const struct spf_dns reach = { .context = dns, .ask = tool_dns_ask, .poll = tool_dns_poll };
	struct spf *spf = spf_open(query, limits, &reach, &dns->arena);

	while (!spf_step(spf)) {
		if (!tool_dns_wait(dns, deadline)) {
			spf_stop(spf);
			break;
		}
	}
	return spf_result(spf);
}

enum tool_exit tool_spf(const struct tool_options *options, FILE *out, struct err *err)
{
	struct spf_limits limits = spf_default_limits();
	struct spf_query query;
	struct tool_dns dns;
	struct spf_report report = { .query = &query, .limits = &limits, .options = options };
	enum tool_exit code = tool_dns_open(&dns, options, err);

	if (code == TOOL_DONE && tool_spf_query(&query, options, &dns.arena, err))
		code = TOOL_USAGE;
	if (code == TOOL_DONE) {
		report.result = tool_spf_evaluate(&query, &limits, &dns, clock_now() + dns.timeout_ms);
		if (options->json ? spf_report_print_json(&report, out) : spf_report_print(&report, out)) {
			err_set(err, "standard output cannot be written");
			code = TOOL_FAILED;
		}
	}
	tool_dns_close(&dns);
	return code;
}
