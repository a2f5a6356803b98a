/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <string.h>

#include "dns/name.h"

static const struct dns_answer bad_name = { .status = DNS_NONE, .why = DNS_WHY_BAD_NAME };
static const struct dns_answer over_limit = { .status = DNS_UNSURE, .why = DNS_WHY_LIMIT };
static const struct dns_answer too_late = { .status = DNS_UNSURE, .why = DNS_WHY_TIMEOUT };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The name as questions are told apart: lower-case, without a final dot. */
static const char *normal_name(const char *name, char normal[DNS_NAME_TEXT_MAX])
{
	size_t length = 0;

	for (; length < DNS_NAME_TEXT_MAX - 1 && name[length] != '\0'; length++)
		normal[length] = lower(name[length]);
	if (length > 1 && normal[length - 1] == '.')
		length--;
	normal[length] = '\0';
	return normal;
}

static struct spf_question *find(const struct spf *spf, const char *name, enum dns_type type)
{
	struct spf_question *question = spf->questions;

	while (question != NULL && (question->type != type || strcmp(question->name, name) != 0))
		question = question->next;
	return question;
}

static struct spf_question *ask(struct spf *spf, const char *name, enum dns_type type)
{
	struct spf_question *question = arena_alloc(spf->arena, sizeof(*question));

	question->name = arena_strdup(spf->arena, name);
	question->type = type;
	question->handle = spf->dns.ask(spf->dns.context, question->name, type);
	*spf->questions_end = question;
	spf->questions_end = &question->next;
	spf->n_asked++;
	return question;
}

struct spf_question *spf_ask_first(struct spf *spf, const char *name, enum dns_type type)
{
	char normal[DNS_NAME_TEXT_MAX];

	return ask(spf, normal_name(name, normal), type);
}

/* An answer that needs no asking, in the shape of a question of its own. */
static struct spf_question *answered_here(const struct spf_view *view, const char *name, enum dns_type type,
                                          const struct dns_answer *answer)
{
	struct spf_question *question;

	if (view->pass == NULL)
		return NULL;
	question = arena_alloc(view->pass->arena, sizeof(*question));
	question->name = arena_strdup(view->pass->arena, name);
	question->type = type;
	question->answer = answer;
	return question;
}

static struct spf_question *refuse(const struct spf_view *view, const char *name, enum dns_type type)
{
	struct spf_pass *pass = view->pass;

	if (pass->explaining)
		return answered_here(view, name, type, &over_limit);
	strbuf_addf(spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING), "more than %d DNS queries (at %s of ",
	            view->spf->limits.queries_max, dns_type_name(type));
	spf_add_shown(&pass->problem, name);
	strbuf_add(&pass->problem, ")");
	return NULL;
}

static void poll_one(struct spf *spf, struct spf_question *question)
{
	if (question->handle != NULL &&
	    spf->dns.poll(spf->dns.context, question->handle, &question->answer) == DNS_PENDING)
		question->answer = NULL;
}

static struct spf_question *need_now(const struct spf_view *view, const char *name, enum dns_type type)
{
	struct spf_pass *pass = view->pass;
	struct spf_question *question = find(view->spf, name, type);

	if (question == NULL && view->spf->stopped)
		return answered_here(view, name, type, &too_late);
	if (question == NULL && view->spf->n_asked >= (unsigned)view->spf->limits.queries_max)
		return refuse(view, name, type);
	if (question == NULL) {
		question = ask(view->spf, name, type);
		poll_one(view->spf, question); /* what is in the cache does not end the pass */
	}
	if (question->pass != view->spf->n_passes) {
		question->pass = view->spf->n_passes;
		pass->queries++;
	}
	if (question->answer != NULL)
		return question;
	pass->waits = question;
	pass->over = true;
	return NULL;
}

/* Half of the queries are kept for what a pass will turn out to need. */
static bool may_ask_ahead(const struct spf *spf, enum spf_purpose purpose)
{
	return spf->n_asked < (unsigned)spf->limits.queries_max / 2 &&
	       (purpose != SPF_FOR_TERM || spf->n_ahead_terms < (unsigned)spf->limits.terms_max);
}

static struct spf_question *need_ahead(const struct spf_view *view, const char *name, enum dns_type type,
                                       enum spf_purpose purpose)
{
	struct spf *spf = view->spf;
	struct spf_question *question = find(spf, name, type);

	if (question == NULL && may_ask_ahead(spf, purpose)) {
		question = ask(spf, name, type);
		question->ahead = true;
		spf->n_ahead++;
		spf->n_ahead_terms += purpose == SPF_FOR_TERM;
	}
	return question != NULL && question->answer != NULL ? question : NULL;
}

struct spf_question *spf_need(const struct spf_view *view, const char *name, enum dns_type type,
                              enum spf_purpose purpose)
{
	char normal[DNS_NAME_TEXT_MAX];
	uint8_t wire[DNS_WIRE_MAX];

	normal_name(name, normal);
	if (dns_name_to_wire(normal, wire) <= 1) /* nothing to ask the root for, either */
		return answered_here(view, normal, type, &bad_name);
	return view->pass != NULL ? need_now(view, normal, type) : need_ahead(view, normal, type, purpose);
}

bool spf_poll_all(struct spf *spf)
{
	bool new = false;

	for (struct spf_question *question = spf->questions; question != NULL; question = question->next) {
		if (question->answer != NULL)
			continue;
		if (question->handle == NULL)
			question->handle = spf->dns.ask(spf->dns.context, question->name, question->type);
		poll_one(spf, question);
		new = new || question->answer != NULL;
	}
	return new;
}

void spf_give_up_questions(struct spf *spf)
{
	for (struct spf_question *question = spf->questions; question != NULL; question = question->next)
		if (question->answer == NULL)
			question->answer = &too_late;
	spf->stopped = true;
}

/* ---- the record among the answers ---- */

static void choose_parsed(struct spf *spf, struct spf_chosen *chosen, const struct dns_record *record)
{
	char problem_text[SPF_PROBLEM_OCTETS_MAX + 1];
	struct strbuf problem;

	strbuf_open(&problem, problem_text, sizeof(problem_text));
	chosen->text = (const char *)record->data;
	chosen->octets = record->octets;
	chosen->state = SPF_CHOSEN_RECORD;
	spf->parsed_octets += record->octets;
	if (spf_record_parse(&chosen->record, record->data, record->octets, spf->arena, &problem) != 0) {
		chosen->state = SPF_CHOSEN_BROKEN;
		chosen->problem = arena_strdup(spf->arena, problem_text);
	}
}

static void choose_several(struct spf *spf, struct spf_chosen *chosen, size_t found)
{
	char text[SPF_PROBLEM_OCTETS_MAX + 1];
	struct strbuf problem;

	strbuf_open(&problem, text, sizeof(text));
	strbuf_addf(&problem, "%zu SPF records, where one is allowed", found);
	chosen->text = "";
	chosen->state = SPF_CHOSEN_BROKEN;
	chosen->problem = arena_strdup(spf->arena, text);
}

static bool is_of_scope(const struct dns_record *record, enum spf_scope scope)
{
	if (scope == SPF_SCOPE_SPF1)
		return spf_is_record(record->data, record->octets);
	return spf_is_record2(record->data, record->octets, spf_scope_name(scope));
}

static size_t records_of_scope(const struct dns_answer *answer, enum spf_scope scope, const struct dns_record **first)
{
	size_t found = 0;

	for (size_t i = 0; i < answer->n_records; i++) {
		if (is_of_scope(&answer->records[i], scope) && found++ == 0)
			*first = &answer->records[i];
	}
	return found;
}

/* A record of Sender ID counts before any of SPF; one with other scopes only is not there (RFC 4406 4.4). */
static size_t records_found(const struct spf *spf, const struct dns_answer *answer, const struct dns_record **first)
{
	size_t found = records_of_scope(answer, spf->query.scope, first);

	if (found == 0 && spf->query.scope != SPF_SCOPE_SPF1)
		found = records_of_scope(answer, SPF_SCOPE_SPF1, first);
	return found;
}

const struct spf_chosen *spf_choose(const struct spf_view *view, struct spf_question *question)
{
	static const struct spf_chosen none = { .state = SPF_CHOSEN_NONE, .text = "" };
	struct spf *spf = view->spf;
	const struct dns_record *record = NULL;
	struct spf_chosen *chosen;
	size_t found;

	if (question->chosen != NULL)
		return question->chosen;
	found = question->answer->status == DNS_FOUND ? records_found(spf, question->answer, &record) : 0;
	if (found == 0)
		return &none;
	if (arena_full(spf->arena) ||
	    (view->pass == NULL && spf->parsed_octets + record->octets > SPF_RECORDS_OCTETS_MAX))
		return NULL;
	chosen = arena_alloc(spf->arena, sizeof(*chosen));
	if (found > 1)
		choose_several(spf, chosen, found);
	else
		choose_parsed(spf, chosen, record);
	question->chosen = chosen;
	return chosen;
}

/* ---- names ---- */

struct name_context {
	const struct spf_view *view;
	const char *domain;
};

static const char *validated_name(void *context)
{
	const struct name_context *name = context;

	return spf_ptr_name(name->view, name->domain);
}

static struct spf_macros macros_of(const struct name_context *context)
{
	struct spf_macros macros = context->view->spf->macros;

	macros.domain = context->domain;
	macros.validated_name = validated_name;
	macros.context = (void *)context;
	return macros;
}

/* RFC 8616 4: a local-part beyond ASCII stands for no name in DNS: what needs it never matches. */
static bool is_beyond_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text != '\0';
}

enum spf_expansion spf_expand(const struct spf_view *view, const char *spec, const char *domain,
                              char name[DNS_NAME_TEXT_MAX])
{
	struct name_context context = { .view = view, .domain = domain };
	struct spf_macros macros = macros_of(&context);

	if (spec == NULL) {
		normal_name(domain, name);
		return SPF_EXPANDED;
	}
	if (is_beyond_ascii(macros.local) && (spf_macro_uses(spec, 'l') || spf_macro_uses(spec, 's'))) {
		memcpy(name, SPF_NO_NAME, sizeof(SPF_NO_NAME));
		return SPF_EXPANDED;
	}
	return spf_macro_domain(spec, &macros, name);
}

enum spf_expansion spf_expand_text(const struct spf_view *view, const char *text, const char *domain,
                                   struct strbuf *result)
{
	struct name_context context = { .view = view, .domain = domain };
	struct spf_macros macros = macros_of(&context);

	return spf_macro_text(text, &macros, result);
}

/* ---- what terms ask, and what matches ---- */

bool spf_term_asks(const struct spf_term *term)
{
	return term->mechanism != SPF_ALL && term->mechanism != SPF_IP4 && term->mechanism != SPF_IP6;
}

enum dns_type spf_address_type(const struct spf *spf)
{
	return spf->query.client.family == 6 ? DNS_AAAA : DNS_A;
}

enum dns_type spf_term_type(const struct spf *spf, enum spf_mechanism mechanism)
{
	switch (mechanism) {
	case SPF_A:
		return spf_address_type(spf);
	case SPF_MX:
		return DNS_MX;
	case SPF_PTR:
		return DNS_PTR;
	case SPF_EXISTS:
		return DNS_A; /* whatever the client's family is (RFC 7208 5.7) */
	default:
		return DNS_TXT;
	}
}

/* Is the client in the network of this address, as wide as the term says? */
static bool in_network(const struct spf *spf, const struct spf_term *term, const struct ip *address)
{
	const struct ip *client = &spf->query.client;
	unsigned bits = client->family == 6 ? term->cidr6 : term->cidr4;
	unsigned octets = bits / 8;

	if (address->family != client->family || memcmp(address->octets, client->octets, octets) != 0)
		return false;
	return bits % 8 == 0 || (address->octets[octets] ^ client->octets[octets]) >> (8 - bits % 8) == 0;
}

bool spf_any_in_network(const struct spf *spf, const struct spf_term *term, const struct dns_answer *answer)
{
	for (size_t i = 0; answer->status == DNS_FOUND && i < answer->n_records; i++)
		if (in_network(spf, term, &answer->records[i].ip))
			return true;
	return false;
}

bool spf_matches_at_once(const struct spf *spf, const struct spf_term *term)
{
	return term->mechanism == SPF_ALL || (!spf_term_asks(term) && net_contains(&term->net, &spf->query.client));
}
