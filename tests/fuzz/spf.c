/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf - fuzz targets: SPF records and macros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "dns/name.h"
#include "fuzz.h"
#include "spf/macro.h"
#include "spf/record.h"

#define PROBLEM_SIZE   300
#define RECORD_VERSION "v=spf1"

/* What is left of a record once it has been taken apart, put together again. */
static void print_record(struct strbuf *text, const struct spf_record *record)
{
	strbuf_add(text, RECORD_VERSION);
	for (size_t i = 0; i < record->n_terms; i++) {
		strbuf_add(text, " ");
		strbuf_add(text, record->terms[i].text);
	}
	if (record->redirect_text) {
		strbuf_add(text, " ");
		strbuf_add(text, record->redirect_text);
	}
	if (record->exp) {
		strbuf_add(text, " exp=");
		strbuf_add(text, record->exp);
	}
}

static void check_domain_spec(const char *domain)
{
	char memory[PROBLEM_SIZE];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	FUZZ_CHECK(fuzz_is_printable(domain));
	FUZZ_CHECK(spf_macro_check(domain, strlen(domain), true, &problem) == 0);
}

static void check_term(const struct spf_term *term)
{
	FUZZ_CHECK(strchr("+-~?", term->qualifier) && term->qualifier != '\0');
	FUZZ_CHECK(fuzz_is_printable(term->text) && !strchr(term->text, ' '));
	FUZZ_CHECK(term->cidr4 <= 32 && term->cidr6 <= 128);
	if (term->domain)
		check_domain_spec(term->domain);
	if (term->mechanism == SPF_INCLUDE || term->mechanism == SPF_EXISTS)
		FUZZ_CHECK(term->domain != NULL);
	if (term->mechanism == SPF_IP4)
		FUZZ_CHECK(term->net.ip.family == 4 && term->net.bits <= 32 && net_contains(&term->net, &term->net.ip));
	if (term->mechanism == SPF_IP6)
		FUZZ_CHECK(term->net.ip.family == 6 && term->net.bits <= 128);
}

static bool equal_texts(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same(const struct spf_record *a, const struct spf_record *b)
{
	FUZZ_CHECK(a->n_terms == b->n_terms);
	for (size_t i = 0; i < a->n_terms; i++) {
		const struct spf_term *one = &a->terms[i], *other = &b->terms[i];
		FUZZ_CHECK(one->mechanism == other->mechanism && one->qualifier == other->qualifier);
		FUZZ_CHECK(one->cidr4 == other->cidr4 && one->cidr6 == other->cidr6);
		FUZZ_CHECK(ip_equal(&one->net.ip, &other->net.ip) && one->net.bits == other->net.bits);
		FUZZ_CHECK(equal_texts(one->text, other->text) && equal_texts(one->domain, other->domain));
	}
	FUZZ_CHECK(equal_texts(a->redirect, b->redirect));
	FUZZ_CHECK(equal_texts(a->exp, b->exp));
}

/* Printed and read again it is the same record. */
static void check_printed(const struct spf_record *record, struct arena *arena)
{
	const size_t size = 4 * SPF_RECORD_OCTETS_MAX;
	struct spf_record again;
	char *memory = arena_alloc(arena, size), wrong[PROBLEM_SIZE];
	struct strbuf text, problem;

	strbuf_open(&text, memory, size);
	strbuf_open(&problem, wrong, sizeof(wrong));
	print_record(&text, record);
	if (text.length > SPF_RECORD_OCTETS_MAX)
		return;
	FUZZ_CHECK(spf_is_record((const uint8_t *)memory, text.length));
	FUZZ_CHECK(spf_record_parse(&again, (const uint8_t *)memory, text.length, arena, &problem) == 0);
	check_same(record, &again);
}

void fuzz_spf_record(const uint8_t *octets, size_t length)
{
	char memory[PROBLEM_SIZE];
	struct spf_record record;
	struct strbuf problem;
	struct arena arena;

	(void)spf_is_record2(octets, length, "pra");
	if (!spf_is_record(octets, length) && !spf_is_record2(octets, length, "mfrom"))
		return;
	arena_open(&arena, NULL);
	strbuf_open(&problem, memory, sizeof(memory));
	if (spf_record_parse(&record, octets, length, &arena, &problem) == 0) {
		FUZZ_CHECK(length <= SPF_RECORD_OCTETS_MAX);
		for (size_t i = 0; i < record.n_terms; i++)
			check_term(&record.terms[i]);
		if (record.redirect)
			check_domain_spec(record.redirect);
		if (record.exp)
			check_domain_spec(record.exp);
		check_printed(&record, &arena);
	} else {
		FUZZ_CHECK(problem.length > 0 && fuzz_is_printable(memory));
	}
	arena_close(&arena);
}

/* ---- macros: a line each for the text, the sender's two halves, the domain and HELO ---- */

static const char *a_name(void *context)
{
	return context;
}

static const char *no_name_yet(void *context)
{
	(void)context;
	return NULL;
}

/* Printable, and whatever DNS makes of it, it is no longer than DNS can carry. */
static void check_name(const char *name)
{
	uint8_t wire[DNS_WIRE_MAX];

	FUZZ_CHECK(fuzz_is_terminated(name, DNS_NAME_TEXT_MAX) && fuzz_is_printable(name));
	FUZZ_CHECK(strlen(name) > 0);
	FUZZ_CHECK(dns_name_to_wire(name, wire) <= DNS_WIRE_MAX);
	/* Not the root: nobody may be made to ask for that. */
	FUZZ_CHECK(strcmp(name, ".") != 0);
}

static void expand_domain(const char *text, struct spf_macros *macros)
{
	char name[DNS_NAME_TEXT_MAX], again[DNS_NAME_TEXT_MAX];

	FUZZ_CHECK(spf_macro_domain(text, macros, name) == SPF_EXPANDED);
	check_name(name);
	FUZZ_CHECK(spf_macro_domain(text, macros, again) == SPF_EXPANDED && strcmp(name, again) == 0);
	macros->validated_name = no_name_yet;
	if (spf_macro_domain(text, macros, again) == SPF_EXPANSION_WAITS)
		FUZZ_CHECK(spf_macro_uses(text, 'p') && again[0] == '\0');
	else
		FUZZ_CHECK(!spf_macro_uses(text, 'p') && strcmp(name, again) == 0);
}

static void expand_text(const char *text, const struct spf_macros *macros)
{
	char *memory = memory_new(128);
	struct strbuf result;

	strbuf_open(&result, memory, 128);
	FUZZ_CHECK(spf_macro_text(text, macros, &result) == SPF_EXPANDED);
	FUZZ_CHECK(strlen(memory) < 128);
	free(memory);
}

void fuzz_spf_macro(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const uint8_t kind = fuzz_octet(&input);
	char *texts[6], memory[PROBLEM_SIZE];
	struct strbuf problem;

	for (size_t i = 0; i < COUNT(texts); i++)
		texts[i] = fuzz_line(&input);
	struct spf_macros macros = {
		.local = texts[1][0] ? texts[1] : "postmaster",
		.sender_domain = texts[2],
		.domain = texts[3],
		.helo = texts[4],
		.receiver = kind & 2 ? "mx.example.org" : "",
		.now_s = 1790000000,
		.validated_name = kind & 4 ? a_name : NULL,
		.context = texts[5],
	};
	(void)ip_parse(&macros.client, kind & 8 ? "2001:db8::1" : "192.0.2.3");
	strbuf_open(&problem, memory, sizeof(memory));
	uint8_t *unterminated = fuzz_copy((const uint8_t *)texts[0], strlen(texts[0]));
	if (spf_macro_check((const char *)unterminated, strlen(texts[0]), kind & 1, &problem) != 0)
		FUZZ_CHECK(problem.length > 0 && fuzz_is_printable(memory));
	else if (kind & 1)
		expand_domain(texts[0], &macros);
	else
		expand_text(texts[0], &macros);
	free(unterminated);
	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
}
