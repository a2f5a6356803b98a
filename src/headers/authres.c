/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * authres - Authentication-Results (RFC 8601): recognised where it claims to be ours, and written.
 */
#include <string.h>
#include <strings.h>

#include "headers/header_text.h"
#include "headers/headers.h"
#include "mail/idn.h"

#define AUTHRES_COMMENT_DEPTH_MAX 32
#define AUTHRES_HOST_MAX          255
#define AUTHRES_REASON_MAX        300
#define AUTHRES_SIGNATURES_MAX    8    /* DKIM signatures that are told of, the topmost */
#define AUTHRES_ENTRY_MAX         1400 /* octets of one signature's result, or of one of DMARC */
#define AUTHRES_DMARC_RESERVE     1000 /* that signatures leave for what follows them */

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t\r\n");
}

/* Past white space and comments (RFC 5322 3.2.2); NULL: a comment does not end. */
static const char *skip_cfws(const char *text)
{
	for (text = skip_space(text); *text == '('; text = skip_space(text)) {
		int depth = 0;
		do {
			if (*text == '\\' && text[1])
				text++;
			else if (*text == '(')
				depth++;
			else if (*text == ')')
				depth--;
			else if (!*text)
				return NULL;
			if (depth > AUTHRES_COMMENT_DEPTH_MAX)
				return NULL;
			text++;
		} while (depth);
	}
	return text;
}

/* A quoted-string's content; NULL: it does not end. */
static const char *read_quoted(struct strbuf *id, const char *text)
{
	for (text++; *text != '"'; text++) {
		if (*text == '\\' && text[1])
			text++;
		if (!*text)
			return NULL;
		strbuf_add_octets(id, text, 1);
	}
	return text + 1;
}

/*
 * The authserv-id. A slash ends a token, as in "example.org/1", which drafts of the format used for the version. NULL:
 * there is none.
 */
static const char *read_id(struct strbuf *id, const char *text)
{
	if (*text == '"')
		return read_quoted(id, text);
	size_t length = strcspn(text, " \t\r\n;/()<>,\"");
	strbuf_add_octets(id, text, length);
	return length ? text + length : NULL;
}

bool authres_claims(const char *value, const char *authserv_id)
{
	char memory[2 * IDN_DOMAIN_OCTETS_MAX];
	struct strbuf id;

	strbuf_open(&id, memory, sizeof(memory));
	const char *rest = skip_cfws(value);
	if (rest)
		rest = read_id(&id, rest);
	if (!rest)
		return strcasestr(value, authserv_id) != NULL;
	return idn_equal(memory, authserv_id);
}

/* ---- writing ---- */

static bool is_token(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("()<>@,;:\\\"/[]?=", *c))
			return false;
	return *text != '\0';
}

/* A value as a token, or in quotes; what is not printable ASCII does not get in. */
static void add_value(struct strbuf *value, const char *text)
{
	if (is_token(text)) {
		strbuf_add(value, text);
		return;
	}
	strbuf_add(value, "\"");
	strbuf_add_clean(value, text, "\"", AUTHRES_HOST_MAX);
	strbuf_add(value, "\"");
}

static const struct evidence_item *fact_stated(const struct engine *engine, const struct engine_session *session,
                                               const char *name)
{
	fact_id id = catalogue_find(engine_catalogue(engine), name);

	return id == FACT_NO_ID ? NULL : evidence_find(engine_evidence(session), id);
}

/* RFC 8601 3: no PTR is permerror, a name that does not resolve back is fail. */
static const struct {
	const char *fact, *result;
} iprev_results[] = {
	{ "rdns.confirmed", "pass" },
	{ "rdns.unconfirmed", "fail" },
	{ "rdns.none", "permerror" },
	{ "rdns.unsure", "temperror" },
};

static bool add_iprev(struct strbuf *value, const struct engine *engine, const struct engine_session *session)
{
	const struct subject *subject = engine_subject(session);
	char ip[IP_TEXT_MAX];

	for (size_t i = 0; subject->client_ip.family && i < sizeof(iprev_results) / sizeof(iprev_results[0]); i++) {
		const struct evidence_item *item = fact_stated(engine, session, iprev_results[i].fact);
		if (!item)
			continue;
		strbuf_addf(value, ";\n\tiprev=%s", iprev_results[i].result);
		if (*item->detail)
			strbuf_addf(value, " (%s)", item->detail);
		strbuf_add(value, " policy.iprev=");
		add_value(value, ip_format(&subject->client_ip, ip));
		return true;
	}
	return false;
}

static bool add_auth(struct strbuf *value, const struct subject *subject)
{
	if (!subject->auth_user || !*subject->auth_user)
		return false;
	strbuf_add(value, ";\n\tauth=pass smtp.auth=");
	add_value(value, subject->auth_user);
	return true;
}

static const struct {
	enum spf_identity identity;
	const char *property;
} spf_properties[] = { { SPF_MAIL_FROM, "smtp.mailfrom" }, { SPF_HELO, "smtp.helo" } };

/*
 * The domain alone (RFC 8601 2.2 allows it): that is what authorised the client, and the local-part stands in
 * Received-SPF and Return-Path.
 */
static bool add_spf(struct strbuf *value, const struct engine_session *session)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(spf_properties) / sizeof(spf_properties[0]); i++) {
		const struct spf_result *result = headers_spf(session, spf_properties[i].identity);
		if (!result)
			continue;
		const bool reason = !result->guessed && *result->problem;
		strbuf_addf(value, ";\n\tspf=%s", spf_code_name(headers_spf_code(result)));
		if (result->guessed)
			strbuf_addf(value, " (best guess: %s)", spf_code_name(result->code));
		if (reason) {
			strbuf_add(value, "\n\treason=");
			header_add_quoted(value, result->problem, AUTHRES_REASON_MAX);
		}
		strbuf_addf(value, "%s%s=", reason ? "\n\t" : " ", spf_properties[i].property);
		add_value(value, *result->domain ? result->domain : engine_subject(session)->mail_from.text);
		any = true;
	}
	return any;
}

/* With its reason where there is one, up to where the properties begin: on a line of their own. */
static void add_reason(struct strbuf *entry, const char *reason)
{
	if (*reason) {
		strbuf_add(entry, "\n\treason=");
		header_add_quoted(entry, reason, AUTHRES_REASON_MAX);
	}
	strbuf_add(entry, "\n\t");
}

/* Left out as a whole where there is no room for it: half a result could say something else. */
static bool add_entry(struct strbuf *value, const struct strbuf *entry, size_t reserve)
{
	if (entry->truncated || value->length + entry->length + reserve >= value->size)
		return false;
	strbuf_add_octets(value, entry->text, entry->length);
	return true;
}

static void add_property(struct strbuf *entry, const char *name, const char *text)
{
	if (!*text)
		return;
	strbuf_addf(entry, "%s%s=", entry->text[entry->length - 1] == '\t' ? "" : " ", name);
	add_value(entry, text);
}

static bool add_signature(struct strbuf *value, const struct dkim_result *result)
{
	char memory[AUTHRES_ENTRY_MAX];
	struct strbuf entry;

	strbuf_open(&entry, memory, sizeof(memory));
	strbuf_addf(&entry, ";\n\tdkim=%s", dkim_code_name(result->code));
	if (result->key_bits)
		strbuf_addf(&entry, " (%u-bit key%s)", result->key_bits,
		            result->traits & DKIM_TRAIT_TESTING ? ", testing" : "");
	if (!*result->domain && !*result->selector && !*result->b && !*result->algorithm && !*result->reason)
		return add_entry(value, &entry, AUTHRES_DMARC_RESERVE);
	add_reason(&entry, result->reason);
	add_property(&entry, "header.d", result->domain);
	add_property(&entry, "header.s", result->selector);
	add_property(&entry, "header.a", result->algorithm);
	add_property(&entry, "header.b", result->b);
	while (strchr("\n\t", entry.text[entry.length - 1])) /* there was no property */
		entry.text[--entry.length] = '\0';
	return add_entry(value, &entry, AUTHRES_DMARC_RESERVE);
}

static bool add_dkim(struct strbuf *value, const struct findings *findings)
{
	const struct dkim_results *dkim = findings->dkim;

	if (!dkim)
		return false;
	if (!dkim->n_found)
		strbuf_add(value, ";\n\tdkim=none");
	for (size_t i = 0; i < dkim->n && i < AUTHRES_SIGNATURES_MAX; i++)
		add_signature(value, &dkim->results[i]);
	return true;
}

static bool add_dmarc(struct strbuf *value, const struct findings *findings)
{
	for (size_t i = 0; i < findings->n_dmarc; i++) {
		const struct dmarc_result *result = findings->dmarc[i];
		const bool evaluated = result->code == DMARC_PASS || result->code == DMARC_FAIL;
		char memory[AUTHRES_ENTRY_MAX];
		struct strbuf entry;

		strbuf_open(&entry, memory, sizeof(memory));
		strbuf_addf(&entry, ";\n\tdmarc=%s", dmarc_code_name(result->code));
		if (result->testing)
			strbuf_add(&entry, " (testing)");
		add_reason(&entry,
		           result->code == DMARC_TEMPERROR || result->code == DMARC_PERMERROR ? result->reason : "");
		add_property(&entry, "header.from", result->domain);
		if (evaluated)
			add_property(&entry, "policy.dmarc", dmarc_policy_name(result->policy));
		add_entry(value, &entry, 0);
	}
	return findings->n_dmarc > 0;
}

void headers_authentication_results(struct strbuf *value, const char *authserv_id, const struct engine *engine,
                                    const struct engine_session *session)
{
	bool any;

	add_value(value, authserv_id);
	/* Where a user of ours sits when he sends is nobody else's business. */
	any = add_auth(value, engine_subject(session)) || add_iprev(value, engine, session);
	any |= add_spf(value, session);
	any |= add_dkim(value, engine_findings(session));
	any |= add_dmarc(value, engine_findings(session));
	if (!any)
		strbuf_add(value, "; none");
}
