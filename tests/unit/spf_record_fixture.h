/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_record_fixture - SPF records read from a copy that has not one octet too many, and shown as text.
 */
#ifndef MAILREEVE_TESTS_SPF_RECORD_FIXTURE_H
#define MAILREEVE_TESTS_SPF_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "spf/record.h"
#include "spf/spf.h"

#define DUMP_MAX (4 * SPF_RECORD_OCTETS_MAX)

/* A record that was read: the result as text, or the problem. */
struct reading {
	int status;
	char dump[DUMP_MAX];
	char problem[SPF_PROBLEM_OCTETS_MAX + 1];
	size_t arena_octets;
	size_t n_terms;
};

static const char *const record_mechanisms[] = {
	[SPF_ALL] = "all", [SPF_INCLUDE] = "include", [SPF_A] = "a",     [SPF_MX] = "mx",
	[SPF_PTR] = "ptr", [SPF_IP4] = "ip4",         [SPF_IP6] = "ip6", [SPF_EXISTS] = "exists",
};

static inline void assert_printable(const char *text)
{
	for (; *text != '\0'; text++)
		assert_in_range((unsigned char)*text, 0x20, 0x7e);
}

static inline void dump_term(struct strbuf *dump, const struct spf_term *term)
{
	char net[NET_TEXT_MAX];

	assert_non_null(strchr("+-~?", term->qualifier));
	assert_printable(term->text);
	strbuf_addf(dump, "%s%c%s", dump->length > 0 ? " " : "", term->qualifier, record_mechanisms[term->mechanism]);
	if (term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6)
		strbuf_addf(dump, "(%s)", net_format(&term->net, net));
	if (term->domain != NULL) {
		assert_true(term->domain[0] != '\0');
		strbuf_addf(dump, "(%s)", term->domain);
	}
	if (term->cidr4 != 32)
		strbuf_addf(dump, "/%u", (unsigned int)term->cidr4);
	if (term->cidr6 != 128)
		strbuf_addf(dump, "//%u", (unsigned int)term->cidr6);
}

static inline void dump_record(struct strbuf *dump, const struct spf_record *record)
{
	for (size_t i = 0; i < record->n_terms; i++) {
		if (record->terms[i].mechanism == SPF_ALL) {
			assert_int_equal(i, record->n_terms - 1);
			assert_null(record->redirect);
		}
		dump_term(dump, &record->terms[i]);
	}
	assert_int_equal(record->redirect != NULL, record->redirect_text != NULL);
	if (record->redirect != NULL)
		strbuf_addf(dump, " redirect(%s)%s", record->redirect, record->redirect_text);
	if (record->exp != NULL)
		strbuf_addf(dump, " exp(%s)", record->exp);
}

/* The parser gets a copy of exactly `length` octets: one read too many is seen by the address sanitizer. */
static inline void read_octets(struct reading *reading, const void *octets, size_t length)
{
	struct arena_quota quota = { .max_octets = SIZE_MAX };
	struct arena arena;
	struct spf_record record;
	struct strbuf dump, problem;
	uint8_t *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, octets, length);
	arena_open(&arena, &quota);
	strbuf_open(&dump, reading->dump, sizeof(reading->dump));
	strbuf_open(&problem, reading->problem, sizeof(reading->problem));
	memset(&record, 0x5a, sizeof(record));
	reading->status = spf_record_parse(&record, copy, length, &arena, &problem);
	free(copy);
	if (reading->status == 0)
		dump_record(&dump, &record);
	else
		assert_int_equal(record.n_terms, 0);
	assert_false(dump.truncated);
	reading->n_terms = record.n_terms;
	reading->arena_octets = quota.used_octets;
	arena_close(&arena);
	assert_int_equal(reading->status == 0, reading->problem[0] == '\0');
	assert_printable(reading->problem);
}

static inline void read_text(struct reading *reading, const char *terms)
{
	static char record[2 * SPF_RECORD_OCTETS_MAX];
	int n = snprintf(record, sizeof(record), "v=spf1%s%s", terms[0] != '\0' ? " " : "", terms);

	assert_in_range(n, 6, sizeof(record) - 1);
	read_octets(reading, record, (size_t)n);
}

#endif
