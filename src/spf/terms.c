/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <string.h>

/* What an exists or ptr that matches shows libspf2: any address will do. */
static const struct ip some_address = { .family = 4, .octets = { 127, 0, 0, 2 } };

struct strbuf *spf_pass_fail(struct spf_pass *pass, enum spf_code code, enum dns_why why)
{
	pass->over = true;
	pass->code = code;
	pass->why = why;
	return &pass->problem;
}

void spf_add_shown(struct strbuf *problem, const char *text)
{
	strbuf_add_clean(problem, text, "\"", SPF_NAME_SHOWN_MAX);
}

/* `(at term "include:x.example" of example.org)` */
static void add_place(struct spf_pass *pass, const struct spf_frame *frame, const char *text)
{
	strbuf_add(&pass->problem, " (at term \"");
	spf_add_shown(&pass->problem, text);
	strbuf_add(&pass->problem, "\" of ");
	spf_add_shown(&pass->problem, frame->domain);
	strbuf_add(&pass->problem, ")");
}

static void fail_unsure(struct spf_pass *pass, const struct spf_question *question)
{
	spf_pass_fail(pass, SPF_TEMPERROR, question->answer->why);
	strbuf_addf(&pass->problem, "%s of ", dns_type_name(question->type));
	spf_add_shown(&pass->problem, question->name);
	strbuf_addf(&pass->problem, ": %s", dns_why_name(question->answer->why));
}

bool spf_count_term(struct spf_pass *pass, const struct spf_frame *frame, struct spf_trace_entry *entry)
{
	int max = pass->spf->limits.terms_max;

	pass->terms++;
	spf_trace_answered(pass, entry, NULL);
	if (pass->terms <= (unsigned)max)
		return true;
	entry->outcome = SPF_ERROR;
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	strbuf_addf(&pass->problem, "more than %d terms that need DNS", max);
	add_place(pass, frame, entry->text);
	return false;
}

/* ---- records ---- */

struct spf_frame *spf_frame_push(struct spf_pass *pass, const struct spf_record *record, const char *domain,
                                 unsigned depth, struct spf_handle *opener)
{
	struct spf_frame *frame = arena_alloc(pass->arena, sizeof(*frame));
	size_t octets = strlen(domain);

	if (octets > 0 && domain[octets - 1] == '.')
		octets--;
	frame->parent = pass->current;
	frame->opener = opener;
	frame->record = record;
	frame->domain = arena_copy(pass->arena, domain, octets);
	frame->depth = depth;
	frame->opens = opener == NULL ||
	               (opener->frame->opens && (opener->term == NULL || opener->term->qualifier == '+'));
	pass->current = frame;
	return frame;
}

static void fail_broken(struct spf_pass *pass, const char *domain, const char *problem)
{
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	spf_add_shown(&pass->problem, domain);
	strbuf_addf(&pass->problem, ": %s", problem);
}

static enum spf_opened open_record(struct spf_pass *pass, const char *domain, unsigned depth, struct spf_handle *opener,
                                   const struct spf_chosen *chosen)
{
	struct spf_frame *frame;

	pass->records_octets += chosen->octets;
	if (chosen->state == SPF_CHOSEN_RECORD && pass->records_octets <= SPF_RECORDS_OCTETS_MAX) {
		frame = spf_frame_push(pass, &chosen->record, domain, depth, opener);
		if (frame->opens)
			spf_width_add(&pass->width, &chosen->record, &pass->widest);
		return SPF_OPENED;
	}
	if (chosen->state == SPF_CHOSEN_BROKEN) {
		fail_broken(pass, domain, chosen->problem);
	} else {
		spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
		strbuf_addf(&pass->problem, "the SPF records have more than %d octets together (at ",
		            SPF_RECORDS_OCTETS_MAX);
		spf_add_shown(&pass->problem, domain);
		strbuf_add(&pass->problem, ")");
	}
	return SPF_OPENED_OVER;
}

/* The session's quota is used up, by whatever the client sent: that says nothing about the domain. */
static void fail_no_memory(struct spf_pass *pass, const char *domain)
{
	spf_pass_fail(pass, SPF_TEMPERROR, DNS_WHY_LIMIT);
	strbuf_add(&pass->problem, "no room for the record of ");
	spf_add_shown(&pass->problem, domain);
}

enum spf_opened spf_frame_open(struct spf_pass *pass, const char *domain, unsigned depth, struct spf_handle *opener,
                               struct spf_question **question)
{
	const struct spf_chosen *chosen;
	struct spf_trace_entry *entry;
	enum spf_opened opened;

	*question = NULL;
	if (strchr(domain, '.') == NULL) /* no check_host() without several labels (RFC 7208 4.3) */
		return SPF_OPENED_NONE;
	*question = spf_need(&pass->view, domain, DNS_TXT, SPF_FOR_TERM);
	if (*question == NULL)
		return SPF_OPENED_OVER;
	if (opener != NULL)
		spf_trace_answered(pass, opener->entry, *question);
	entry = spf_trace_add(pass, SPF_STEP_RECORD, depth, "");
	spf_trace_answered(pass, entry, *question);
	if ((*question)->answer->status == DNS_UNSURE) {
		entry->outcome = SPF_ERROR;
		fail_unsure(pass, *question);
		return SPF_OPENED_OVER;
	}
	chosen = spf_choose(&pass->view, *question);
	if (chosen == NULL) {
		entry->outcome = SPF_ERROR;
		fail_no_memory(pass, domain);
		return SPF_OPENED_OVER;
	}
	entry->text = chosen->text;
	if (chosen->state == SPF_CHOSEN_NONE)
		return SPF_OPENED_NONE;
	opened = open_record(pass, domain, depth, opener, chosen);
	if (opened == SPF_OPENED_OVER)
		entry->outcome = SPF_ERROR;
	return opened;
}

/* The ip4, ip6 and all terms of the record up to a term that asks: libspf2 need not be told about them. */
static void pass_by(struct spf_pass *pass, struct spf_frame *frame, size_t until)
{
	for (; frame->next < until && frame->result == 0; frame->next++) {
		const struct spf_term *term = &frame->record->terms[frame->next];
		struct spf_trace_entry *entry;

		if (spf_term_asks(term))
			return;
		entry = spf_trace_add(pass, SPF_STEP_TERM, frame->depth, term->text);
		if (!spf_matches_at_once(pass->spf, term))
			continue;
		entry->outcome = SPF_MATCH;
		frame->result = term->qualifier;
		frame->matched = term->text;
	}
}

static void note_match(struct spf_handle *handle)
{
	struct spf_frame *frame = handle->frame;

	handle->entry->outcome = SPF_MATCH;
	frame->result = handle->term != NULL ? handle->term->qualifier : '+';
	frame->matched = handle->term != NULL ? handle->term->text : frame->record->redirect_text;
}

/* The current record is done; an include that passed is a match of the one above. */
static void close_frame(struct spf_pass *pass)
{
	struct spf_frame *frame = pass->current;

	if (!pass->over)
		pass_by(pass, frame, frame->record->n_terms);
	pass->current = frame->parent;
	if (frame->opener == NULL)
		return;
	if (frame->result == '+' && !pass->over)
		note_match(frame->opener);
	else if (pass->over)
		frame->opener->entry->outcome = SPF_ERROR;
}

void spf_frames_close(struct spf_pass *pass)
{
	while (pass->current != NULL)
		close_frame(pass);
}

/* ---- terms ---- */

static const char *handle_text(const struct spf_handle *handle)
{
	return handle->term != NULL ? handle->term->text : handle->frame->record->redirect_text;
}

/* libspf2 has come to a term: enter it. False: the pass is over. */
static bool begin(struct spf_pass *pass, struct spf_handle *handle)
{
	struct spf_frame *frame = handle->frame;
	size_t index = handle->term != NULL ? (size_t)(handle->term - frame->record->terms) : frame->record->n_terms;

	while (pass->current != frame)
		close_frame(pass);
	pass_by(pass, frame, index);
	frame->next = index + 1;
	handle->entry = spf_trace_add(pass, handle->term != NULL ? SPF_STEP_TERM : SPF_STEP_REDIRECT, frame->depth,
	                              handle_text(handle));
	return spf_count_term(pass, frame, handle->entry);
}

static void fail_no_record(struct spf_pass *pass, const struct spf_handle *handle, const char *name)
{
	handle->entry->outcome = SPF_ERROR;
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	strbuf_add(&pass->problem, "no SPF record at ");
	spf_add_shown(&pass->problem, name);
	strbuf_add(&pass->problem, ", which ");
	spf_add_shown(&pass->problem, handle->frame->domain);
	strbuf_add(&pass->problem, handle->term != NULL ? " includes" : " redirects to");
}

/* The record of an include, or of a redirect inside of an include. */
bool spf_handle_record(struct spf_pass *pass, unsigned number, struct spf_emitted *emitted)
{
	struct spf_handle *handle = pass->over || number >= pass->n_handles ? NULL : pass->handles[number];
	char name[DNS_NAME_TEXT_MAX];
	const char *spec;
	enum spf_opened opened;

	if (handle == NULL || !begin(pass, handle))
		return false;
	spec = handle->term != NULL ? handle->term->domain : handle->frame->record->redirect;
	if (spf_expand(&pass->view, spec, handle->frame->domain, name) != SPF_EXPANDED)
		return false;
	opened = spf_frame_open(pass, name, handle->frame->depth + 1, handle, &handle->question);
	if (opened == SPF_OPENED_NONE)
		fail_no_record(pass, handle, name);
	if (opened == SPF_OPENED_OVER)
		handle->entry->outcome = SPF_ERROR;
	if (opened == SPF_OPENED)
		spf_emit(pass, pass->current, emitted);
	return opened == SPF_OPENED;
}

static bool count_void(struct spf_pass *pass, struct spf_handle *handle)
{
	const struct dns_answer *answer = handle->question->answer;

	if (answer->status != DNS_NONE || answer->why == DNS_WHY_BAD_NAME)
		return true;
	if (++pass->voids <= (unsigned)pass->spf->limits.void_max)
		return true;
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	strbuf_addf(&pass->problem, "more than %d void look-ups", pass->spf->limits.void_max);
	add_place(pass, handle->frame, handle_text(handle));
	return false;
}

/* The first question of an a, mx or exists. */
static bool ask_first(struct spf_pass *pass, struct spf_handle *handle)
{
	char name[DNS_NAME_TEXT_MAX];

	if (spf_expand(&pass->view, handle->term->domain, handle->frame->domain, name) != SPF_EXPANDED)
		return false;
	handle->question = spf_need(&pass->view, name, spf_term_type(pass->spf, handle->term->mechanism), SPF_FOR_TERM);
	if (handle->question == NULL)
		return false;
	if (handle->question->answer->status == DNS_UNSURE)
		fail_unsure(pass, handle->question);
	else
		count_void(pass, handle);
	spf_trace_answered(pass, handle->entry, handle->question);
	return !pass->over;
}

static void reply_one(struct spf_handle *handle, struct spf_reply *reply, const struct ip *address)
{
	note_match(handle);
	reply->addresses = address;
	reply->n_addresses = 1;
}

static void reply_addresses(struct spf_pass *pass, struct spf_handle *handle, const struct dns_answer *answer,
                            struct spf_reply *reply)
{
	const struct ip *client = &pass->spf->query.client;
	bool any = (client->family == 6 ? handle->term->cidr6 : handle->term->cidr4) == 0;
	struct ip *addresses;

	if (answer->status != DNS_FOUND)
		return;
	if (any) { /* libspf2 knows no /0 */
		reply_one(handle, reply, client);
		return;
	}
	if (spf_any_in_network(pass->spf, handle->term, answer))
		note_match(handle);
	addresses = arena_alloc(pass->arena, answer->n_records * sizeof(*addresses));
	for (size_t i = 0; i < answer->n_records; i++)
		addresses[i] = answer->records[i].ip;
	reply->addresses = addresses;
	reply->n_addresses = answer->n_records;
}

static bool reply_exchanges(struct spf_pass *pass, struct spf_handle *handle, struct spf_reply *reply)
{
	const struct dns_answer *answer = handle->question->answer;
	int max = pass->spf->limits.mx_max;

	reply->n_exchanges = answer->status == DNS_FOUND ? answer->n_records : 0;
	if (reply->n_exchanges <= (size_t)max)
		return true;
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	strbuf_addf(&pass->problem, "more than %d MX records", max);
	add_place(pass, handle->frame, handle_text(handle));
	return false;
}

/* libspf2 is told of a ptr as of an exists: it could not tell one ptr term's names from another's. */
static bool reply_ptr(struct spf_pass *pass, struct spf_handle *handle, struct spf_reply *reply)
{
	char name[DNS_NAME_TEXT_MAX];
	enum spf_known matches;

	if (spf_expand(&pass->view, handle->term->domain, handle->frame->domain, name) != SPF_EXPANDED)
		return false;
	handle->question = spf_ptr_question(&pass->view);
	matches = handle->question != NULL ? spf_ptr_matches(&pass->view, name) : SPF_NOT_KNOWN;
	if (matches == SPF_NOT_KNOWN)
		return false;
	spf_trace_answered(pass, handle->entry, handle->question);
	if (matches == SPF_KNOWN_YES)
		reply_one(handle, reply, &some_address);
	return true;
}

static bool reply_to(struct spf_pass *pass, struct spf_handle *handle, struct spf_reply *reply)
{
	if (handle->term->mechanism == SPF_PTR)
		return reply_ptr(pass, handle, reply);
	if (!ask_first(pass, handle))
		return false;
	if (handle->term->mechanism == SPF_MX)
		return reply_exchanges(pass, handle, reply);
	if (handle->term->mechanism == SPF_A)
		reply_addresses(pass, handle, handle->question->answer, reply);
	else if (handle->question->answer->status == DNS_FOUND)
		reply_one(handle, reply, &some_address);
	return true;
}

bool spf_handle_ask(struct spf_pass *pass, unsigned number, struct spf_reply *reply)
{
	struct spf_handle *handle = pass->over || number >= pass->n_handles ? NULL : pass->handles[number];

	*reply = (struct spf_reply){ 0 };
	if (handle == NULL || handle->term == NULL || !begin(pass, handle))
		return false;
	if (reply_to(pass, handle, reply))
		return true;
	handle->entry->outcome = SPF_ERROR;
	return false;
}

bool spf_handle_ask_exchange(struct spf_pass *pass, unsigned number, unsigned exchange, struct spf_reply *reply)
{
	struct spf_handle *handle = pass->over || number >= pass->n_handles ? NULL : pass->handles[number];
	struct spf_question *question;

	*reply = (struct spf_reply){ 0 };
	if (handle == NULL || handle->question == NULL || exchange >= handle->question->answer->n_records)
		return false;
	question = spf_need(&pass->view, handle->question->answer->records[exchange].name, spf_address_type(pass->spf),
	                    SPF_FOR_DETAIL);
	if (question != NULL && question->answer->status == DNS_UNSURE)
		fail_unsure(pass, question);
	if (question == NULL || pass->over) {
		handle->entry->outcome = SPF_ERROR;
		return false;
	}
	reply_addresses(pass, handle, question->answer, reply);
	handle->entry->queries = pass->queries;
	return true;
}

/* ---- the record for libspf2 ---- */

static struct spf_handle *new_handle(struct spf_pass *pass, struct spf_frame *frame, const struct spf_term *term)
{
	struct spf_handle *handle = arena_alloc(pass->arena, sizeof(*handle));

	handle->frame = frame;
	handle->term = term;
	pass->handles[pass->n_handles++] = handle;
	return handle;
}

static void emit_handle(struct spf_pass *pass, struct strbuf *buf, const struct spf_term *term)
{
	static const char *const names[] = {
		[SPF_INCLUDE] = "include", [SPF_A] = "a", [SPF_MX] = "mx", [SPF_PTR] = "exists", [SPF_EXISTS] = "exists"
	};
	bool v6 = pass->spf->query.client.family == 6;
	unsigned bits = v6 ? term->cidr6 : term->cidr4;
	bool hosts = term->mechanism == SPF_A || term->mechanism == SPF_MX;

	strbuf_addf(buf, " %c%s:t%u", term->qualifier, names[term->mechanism], pass->n_handles);
	if (hosts && bits != 0 && bits < (v6 ? 128 : 32))
		strbuf_addf(buf, "%s%u", v6 ? "//" : "/", bits);
}

void spf_emit(struct spf_pass *pass, struct spf_frame *frame, struct spf_emitted *emitted)
{
	const struct spf_record *record = frame->record;
	/* One more than may still be counted: it is the one that ends the pass. */
	unsigned left = (unsigned)pass->spf->limits.terms_max + 1 - pass->terms;
	struct strbuf buf;

	strbuf_open(&buf, emitted->text, sizeof(emitted->text));
	strbuf_add(&buf, "v=spf1");
	emitted->n_terms = 0;
	for (size_t i = 0; i < record->n_terms && left > 0; i++) {
		const struct spf_term *term = &record->terms[i];
		bool matches = spf_matches_at_once(pass->spf, term);

		if (spf_term_asks(term)) {
			emit_handle(pass, &buf, term);
			new_handle(pass, frame, term);
			left--;
		} else if (matches) {
			strbuf_addf(&buf, " %call", term->qualifier);
		}
		emitted->n_terms += spf_term_asks(term) || matches;
		if (matches)
			return;
	}
	/* Inside of an include, a redirect is what an include would be: only a pass, or an error, means anything. */
	if (record->redirect != NULL && frame->opener != NULL && left > 0) {
		strbuf_addf(&buf, " +include:t%u", pass->n_handles);
		new_handle(pass, frame, NULL);
		emitted->n_terms++;
	}
}
