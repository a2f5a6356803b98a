/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_oracle - SPF a second time, for the tests: a plain recursive loop after RFC 7208 4 to 6 over the same parser and
 * macros, without libspf2, which is given every answer at once and keeps accounts of its own.
 */
#ifndef MAILREEVE_TESTS_SPF_ORACLE_H
#define MAILREEVE_TESTS_SPF_ORACLE_H

#include "spf_world.h"

#include "spf/macro.h"
#include "spf/record.h"

struct oracle {
	struct world *world;
	const struct spf_query *query;
	const struct spf_limits *limits;
	struct arena arena;
	unsigned terms, voids;
	char mechanism[SPF_TEXT_OCTETS_MAX + 1];
	char explanation[SPF_EXPLANATION_OCTETS_MAX + 1];
	const char *domain; /* the current one */
};

static inline struct dns_answer oracle_ask(struct oracle *o, const char *name, enum dns_type type)
{
	struct dns_answer answer = { .status = DNS_NONE, .why = DNS_WHY_BAD_NAME };
	char text[DNS_NAME_TEXT_MAX];
	uint8_t wire[DNS_WIRE_MAX];

	snprintf(text, sizeof(text), "%s", name);
	if (strlen(text) > 1 && text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = '\0';
	if (dns_name_to_wire(text, wire) > 1) {
		answer = (struct dns_answer){ 0 };
		world_fill(o->world, &answer, text, type);
	}
	return answer;
}

static inline enum dns_type oracle_address_type(const struct oracle *o)
{
	return o->query->client.family == 4 ? DNS_A : DNS_AAAA;
}

static inline bool oracle_same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if (((a->octets[i / 8] ^ b->octets[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return a->family == b->family;
}

static inline bool oracle_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n == d ? strcasecmp(name, domain) == 0
	              : n > d && name[n - d - 1] == '.' && strcasecmp(name + n - d, domain) == 0;
}

/* The validated names of the client, in order (RFC 7208 5.5). */
static inline size_t oracle_names(struct oracle *o, const char *names[DNS_RECORDS_MAX])
{
	char reversed[DNS_NAME_TEXT_MAX];
	struct dns_answer ptr;
	size_t n = 0;

	dns_name_reverse_ptr(&o->query->client, reversed);
	ptr = oracle_ask(o, reversed, DNS_PTR);
	for (size_t i = 0; ptr.status == DNS_FOUND && i < ptr.n_records && i < (size_t)o->limits->ptr_max; i++) {
		struct dns_answer back = oracle_ask(o, ptr.records[i].name, oracle_address_type(o));
		bool validated = false;
		for (size_t j = 0; back.status == DNS_FOUND && j < back.n_records; j++)
			validated = validated || ip_equal(&back.records[j].ip, &o->query->client);
		if (validated)
			names[n++] = ptr.records[i].name;
	}
	return n;
}

static inline const char *oracle_name(void *context)
{
	struct oracle *o = context;
	const char *names[DNS_RECORDS_MAX];
	size_t n = oracle_names(o, names);

	for (size_t i = 0; i < n; i++)
		if (strcasecmp(names[i], o->domain) == 0)
			return names[i];
	for (size_t i = 0; i < n; i++)
		if (oracle_below(names[i], o->domain))
			return names[i];
	return n > 0 ? names[0] : "unknown";
}

static inline struct spf_macros oracle_macros(struct oracle *o)
{
	return (struct spf_macros){ .client = o->query->client,
		                    .local = o->query->local,
		                    .sender_domain = o->query->domain,
		                    .domain = o->domain,
		                    .helo = o->query->helo,
		                    .receiver = o->query->receiver,
		                    .now_s = o->query->now_s,
		                    .validated_name = oracle_name,
		                    .context = o };
}

static inline enum spf_code oracle_check(struct oracle *o, const char *domain, bool included);

/* 1: matches, 0: does not; -1: permerror, -2: temperror. */
static inline int oracle_hosts(struct oracle *o, const struct spf_term *term, const char *name)
{
	struct dns_answer answer = oracle_ask(o, name, oracle_address_type(o));

	for (size_t i = 0; answer.status == DNS_FOUND && i < answer.n_records; i++)
		if (oracle_same_bits(&answer.records[i].ip, &o->query->client,
		                     o->query->client.family == 4 ? term->cidr4 : term->cidr6))
			return 1;
	return answer.status == DNS_UNSURE ? -2 : 0;
}

static inline int oracle_include(struct oracle *o, const char *name)
{
	const char *domain = o->domain;
	enum spf_code code = oracle_check(o, name, true);

	o->domain = domain;
	return code == SPF_PASS ? 1 : code == SPF_TEMPERROR ? -2 : code == SPF_PERMERROR || code == SPF_NONE ? -1 : 0;
}

static inline int oracle_ptr(struct oracle *o, const char *name)
{
	const char *names[DNS_RECORDS_MAX];
	size_t n = oracle_names(o, names);

	for (size_t i = 0; i < n; i++)
		if (oracle_below(names[i], name))
			return 1;
	return 0;
}

static inline int oracle_look(struct oracle *o, const struct spf_term *term, const char *name)
{
	enum dns_type type = term->mechanism == SPF_MX       ? DNS_MX
	                     : term->mechanism == SPF_EXISTS ? DNS_A
	                                                     : oracle_address_type(o);
	struct dns_answer answer = oracle_ask(o, name, type);
	int match = 0;

	if (answer.status == DNS_UNSURE)
		return -2;
	if (answer.status == DNS_NONE)
		return answer.why != DNS_WHY_BAD_NAME && ++o->voids > (unsigned)o->limits->void_max ? -1 : 0;
	if (term->mechanism == SPF_EXISTS)
		return 1;
	if (term->mechanism == SPF_A)
		return oracle_hosts(o, term, name);
	if (answer.n_records > (size_t)o->limits->mx_max)
		return -1;
	for (size_t i = 0; i < answer.n_records && match == 0; i++)
		match = oracle_hosts(o, term, answer.records[i].name);
	return match;
}

static inline int oracle_term(struct oracle *o, const struct spf_term *term)
{
	struct spf_macros macros = oracle_macros(o);
	char name[DNS_NAME_TEXT_MAX];

	if (term->mechanism == SPF_ALL)
		return 1;
	if (term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6)
		return oracle_same_bits(&term->net.ip, &o->query->client, term->net.bits);
	if (++o->terms > (unsigned)o->limits->terms_max)
		return -1;
	snprintf(name, sizeof(name), "%s", o->domain);
	if (term->domain != NULL)
		spf_macro_domain(term->domain, &macros, name);
	if (term->mechanism == SPF_INCLUDE)
		return oracle_include(o, name);
	return term->mechanism == SPF_PTR ? oracle_ptr(o, name) : oracle_look(o, term, name);
}

static inline void oracle_explain(struct oracle *o, const char *exp)
{
	struct spf_macros macros = oracle_macros(o);
	char name[DNS_NAME_TEXT_MAX], problem[200];
	struct dns_answer answer;
	struct strbuf buf;

	spf_macro_domain(exp, &macros, name);
	answer = oracle_ask(o, name, DNS_TXT);
	strbuf_open(&buf, problem, sizeof(problem));
	if (answer.status != DNS_FOUND || answer.n_records != 1 ||
	    spf_macro_check((const char *)answer.records[0].data, answer.records[0].octets, false, &buf) != 0)
		return;
	strbuf_open(&buf, o->explanation, sizeof(o->explanation));
	spf_macro_text((const char *)answer.records[0].data, &macros, &buf);
}

static inline enum spf_code oracle_walk(struct oracle *o, const struct spf_record *record, bool included)
{
	for (size_t i = 0; i < record->n_terms; i++) {
		const struct spf_term *term = &record->terms[i];
		int match = oracle_term(o, term);

		if (match < 0)
			return match == -1 ? SPF_PERMERROR : SPF_TEMPERROR;
		if (match == 0)
			continue;
		if (!included)
			snprintf(o->mechanism, sizeof(o->mechanism), "%s", term->text);
		if (!included && term->qualifier == '-' && record->exp != NULL)
			oracle_explain(o, record->exp);
		return term->qualifier == '+'   ? SPF_PASS
		       : term->qualifier == '-' ? SPF_FAIL
		       : term->qualifier == '~' ? SPF_SOFTFAIL
		                                : SPF_NEUTRAL;
	}
	if (record->redirect != NULL) {
		struct spf_macros macros = oracle_macros(o);
		char name[DNS_NAME_TEXT_MAX];
		enum spf_code code;
		if (++o->terms > (unsigned)o->limits->terms_max)
			return SPF_PERMERROR;
		spf_macro_domain(record->redirect, &macros, name);
		code = oracle_check(o, name, included);
		return code == SPF_NONE ? SPF_PERMERROR : code;
	}
	if (!included)
		strcpy(o->mechanism, "default");
	return SPF_NEUTRAL;
}

static inline enum spf_code oracle_check(struct oracle *o, const char *domain, bool included)
{
	struct dns_answer answer;
	const struct dns_record *found = NULL;
	struct spf_record record;
	char problem[200];
	struct strbuf buf;
	size_t n = 0;

	if (strchr(domain, '.') == NULL)
		return SPF_NONE;
	answer = oracle_ask(o, domain, DNS_TXT);
	o->domain = arena_strdup(&o->arena, domain);
	if (answer.status == DNS_UNSURE)
		return SPF_TEMPERROR;
	for (size_t i = 0; i < answer.n_records; i++)
		if (spf_is_record(answer.records[i].data, answer.records[i].octets) && ++n > 0)
			found = &answer.records[i];
	strbuf_open(&buf, problem, sizeof(problem));
	if (n != 1)
		return n == 0 ? SPF_NONE : SPF_PERMERROR;
	if (spf_record_parse(&record, found->data, found->octets, &o->arena, &buf) != 0)
		return SPF_PERMERROR;
	return oracle_walk(o, &record, included);
}

#endif
