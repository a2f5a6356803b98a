/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * received_spf - Received-SPF (RFC 7208 9.1), one field for each identity.
 */
#include <string.h>

#include "headers/header_text.h"
#include "headers/headers.h"
#include "mail/address.h"

#define FIELD_NAME  "Received-SPF: "
#define VALUE_MAX   320 /* octets of one value; more than the longest path (RFC 5321 4.5.3.1.3) */
#define COMMENT_MAX 255 /* octets of one name in the comment */
#define PAIR_MAX    (VALUE_MAX + 32)
#define FOLD_COLUMN 76

static const char *const identities[SPF_IDENTITIES] = { [SPF_HELO] = "helo", [SPF_MAIL_FROM] = "mailfrom" };

/* "DOMAIN permits 192.0.2.1": what stands before and behind the domain, and whether the address ends it. */
static const struct {
	const char *before, *behind;
	bool address;
} comments[SPF_CODES] = {
	[SPF_NONE] = { "", " has no SPF record", false },
	[SPF_NEUTRAL] = { "", " does not say whether it permits ", true },
	[SPF_PASS] = { "", " permits ", true },
	[SPF_FAIL] = { "", " does not permit ", true },
	[SPF_SOFTFAIL] = { "", " probably does not permit ", true },
	[SPF_TEMPERROR] = { "the SPF record of ", " could not be looked up", false },
	[SPF_PERMERROR] = { "the SPF record of ", " has an error", false },
};

/*
 * RFC 7208 2.3: what a client says in HELO is an identity only where it is a domain name of several labels. An address,
 * with brackets or without, or a stranger's free text is none, whatever its result is called.
 */
static bool is_domain_name(const char *domain)
{
	const char *last = strrchr(domain, '.');

	if (last == NULL || domain[0] == '.' || strlen(domain) > DOMAIN_OCTETS_MAX || strstr(domain, "..") != NULL ||
	    domain[strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
		return false;
	return last[1 + strspn(last + 1, "0123456789")] != '\0';
}

const struct spf_result *headers_spf(const struct engine_session *session, enum spf_identity identity)
{
	const struct findings *findings = engine_findings(session);
	const char *user = engine_subject(session)->auth_user;

	if ((user != NULL && *user != '\0') || findings->spf[SPF_MAIL_FROM] == NULL)
		return NULL;
	if (identity == SPF_HELO && findings->spf[SPF_HELO] != NULL && !is_domain_name(findings->spf[SPF_HELO]->domain))
		return NULL;
	return findings->spf[identity];
}

enum spf_code headers_spf_code(const struct spf_result *result)
{
	return result->guessed ? SPF_NONE : result->code;
}

static void add_comment(struct strbuf *value, const struct spf_result *result, const char *receiver, const char *ip)
{
	const enum spf_code code = headers_spf_code(result);

	strbuf_add(value, "(");
	header_add_comment(value, receiver, COMMENT_MAX);
	strbuf_add(value, ": ");
	if (result->domain[0] == '\0') {
		strbuf_add(value, "there is no domain to ask)");
		return;
	}
	strbuf_add(value, comments[code].before);
	header_add_comment(value, result->domain, COMMENT_MAX);
	strbuf_add(value, comments[code].behind);
	if (comments[code].address)
		strbuf_add(value, ip);
	if (result->guessed)
		strbuf_addf(value, "; best guess: %s", spf_code_name(result->code));
	strbuf_add(value, ")");
}

static size_t column_of(const struct strbuf *value)
{
	const char *line = strrchr(value->text, '\n');

	return line != NULL ? strlen(line) - 1 + 7 : value->length + strlen(FIELD_NAME);
}

/* `key` ends in its equals sign. An empty text leaves the pair out. */
static void add_pair(struct strbuf *value, const char *key, const char *text)
{
	const bool first = value->text[value->length - 1] == ')';
	char memory[PAIR_MAX];
	struct strbuf pair;

	if (text == NULL || *text == '\0')
		return;
	strbuf_open(&pair, memory, sizeof(memory));
	strbuf_add(&pair, key);
	if (header_is_dot_atom(text) && strlen(text) <= VALUE_MAX)
		strbuf_add(&pair, text);
	else
		header_add_quoted(&pair, text, VALUE_MAX);
	strbuf_add(value, first ? "" : ";");
	strbuf_add(value, column_of(value) + 1 + pair.length > FOLD_COLUMN ? "\n\t" : " ");
	strbuf_add(value, memory);
}

void headers_received_spf(struct strbuf *value, enum spf_identity identity, const struct engine_session *session)
{
	const struct spf_result *result = headers_spf(session, identity);
	const struct subject *subject = engine_subject(session);
	const char *receiver = subject->mta_name != NULL && *subject->mta_name != '\0' ? subject->mta_name : "unknown";
	char ip[IP_TEXT_MAX];

	if (result == NULL)
		return;
	ip_format(&subject->client_ip, ip);
	strbuf_addf(value, "%s ", spf_code_name(headers_spf_code(result)));
	add_comment(value, result, receiver, ip);
	add_pair(value, "client-ip=", ip);
	add_pair(value, "envelope-from=", subject->mail_from.null ? "<>" : subject->mail_from.text);
	add_pair(value, "helo=", subject->helo);
	add_pair(value, "receiver=", receiver);
	add_pair(value, "identity=", identities[identity]);
	add_pair(value, "mechanism=", result->guessed ? "" : result->mechanism);
	add_pair(value, "problem=", result->guessed ? "" : result->problem);
}
