/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layer evidence/: the catalogue of facts, and facts stated with hostile details.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "evidence/evidence.h"

static void catalogue_gives_ids_in_order(void **state)
{
	struct catalogue *catalogue = catalogue_open();
	char text[] = "the client address has no PTR record";
	const struct fact_info *first, *listed;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalogue_add(catalogue, "rdns", "none", FACT_EVIDENCE, 3000, text, &err), 0);
	first = catalogue_info(catalogue, 0);
	assert_int_equal(catalogue_add(catalogue, "rdns", "ok", FACT_NORMAL, 0, NULL, &err), 1);
	assert_int_equal(catalogue_add(catalogue, "dnsbl", "zen.xbl", FACT_EVIDENCE, -1, "listed", &err), 2);
	memset(text, 'x', sizeof(text) - 1);

	assert_string_equal(first->name, "rdns.none");
	assert_string_equal(first->check, "rdns");
	assert_string_equal(first->text, "the client address has no PTR record");
	assert_int_equal(first->kind, FACT_EVIDENCE);
	assert_int_equal(first->points_milli, 3000);
	listed = catalogue_info(catalogue, 2);
	assert_string_equal(listed->name, "dnsbl.zen.xbl");
	assert_string_equal(listed->check, "dnsbl");
	assert_int_equal(listed->points_milli, -1);
	assert_string_equal(catalogue_info(catalogue, 1)->text, "");

	assert_int_equal(catalogue_count(catalogue), 3);
	assert_int_equal(catalogue_find(catalogue, "dnsbl.zen.xbl"), 2);
	assert_int_equal(catalogue_find(catalogue, "dnsbl.zen"), FACT_NO_ID);
	assert_null(catalogue_info(catalogue, 3));
	assert_null(catalogue_info(catalogue, FACT_NO_ID));
	catalogue_close(&catalogue);
	assert_null(catalogue);
	catalogue_close(&catalogue);
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void catalogue_refuses_bad_names(void **state)
{
	static const struct {
		const char *check, *name;
		const char *says; /* NULL: is accepted */
	} cases[] = {
		{ "rdns", "none", NULL },
		{ "rdns", "none", "already a fact of this name" },
		{ "dnsbl", "z.a", NULL },
		{ "dnsbl.z", "a", "already a fact of this name" },
		{ "rdns", "", "empty" },
		{ "", "none", "empty" },
		{ "rdns", "None", "only a-z" },
		{ "rdns", "no ne", "only a-z" },
		{ "rdns", "no*", "only a-z" },
		{ "rd\nns", "none", "only a-z" },
		{ "rdns", "\xc3\xa4", "only a-z" },
		{ "a-b_9", "c.0", NULL },
		{ A32, A32, "too long" },         /* 65 with the dot */
		{ A32, &A32[1], NULL },           /* 64 */
		{ A32, A32 A32 A32, "too long" }, /* longer than any buffer for it */
	};
	struct catalogue *catalogue = catalogue_open();
	size_t accepted = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		fact_id id = catalogue_add(catalogue, cases[i].check, cases[i].name, FACT_EVIDENCE, 0, "", &err);
		if (cases[i].says == NULL) {
			assert_int_equal(id, accepted++);
			assert_string_equal(err.text, "");
			continue;
		}
		assert_int_equal(id, FACT_NO_ID);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(strchr(err.text, '\n'));
	}
	assert_int_equal(catalogue_count(catalogue), accepted);
	catalogue_close(&catalogue);
}

static void catalogue_has_a_limit(void **state)
{
	struct catalogue *catalogue = catalogue_open();
	struct err err = { "" };
	char name[16];

	(void)state;
	for (int i = 0; i < FACTS_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(catalogue_add(catalogue, "many", name, FACT_EVIDENCE, i, "", &err), i);
	}
	assert_int_equal(catalogue_add(catalogue, "many", "more", FACT_EVIDENCE, 0, "", &err), FACT_NO_ID);
	assert_non_null(strstr(err.text, "1024"));
	assert_int_equal(catalogue_info(catalogue, FACTS_MAX - 1)->points_milli, FACTS_MAX - 1);
	assert_int_equal(catalogue_find(catalogue, "many.f1023"), 1023);
	catalogue_close(&catalogue);
}

static size_t count_items(const struct evidence *evidence)
{
	size_t n = 0;

	for (const struct evidence_item *item = evidence->first; item != NULL; item = item->next)
		n++;
	return n;
}

static void evidence_scopes_nest(void **state)
{
	struct evidence connection, message, recipient;
	struct factset set = { { 0 } }, outer_only = { { 0 } };
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	evidence_open(&connection, NULL);
	evidence_open(&message, &connection);
	evidence_open(&recipient, &message);
	evidence_add(&connection, &arena, 1, STAGE_CONNECT, "192.0.2.1");
	evidence_add(&message, &arena, 1023, STAGE_MAIL, NULL);
	evidence_add(&recipient, &arena, 64, STAGE_RCPT, "");

	assert_string_equal(evidence_find(&recipient, 1)->detail, "192.0.2.1");
	assert_int_equal(evidence_find(&recipient, 1)->stage, STAGE_CONNECT);
	assert_string_equal(evidence_find(&recipient, 1023)->detail, "");
	assert_int_equal(evidence_find(&recipient, 64)->stage, STAGE_RCPT);
	assert_null(evidence_find(&message, 64));
	assert_null(evidence_find(&recipient, 2));

	evidence_facts(&recipient, &set);
	assert_true(factset_has(&set, 1) && factset_has(&set, 64) && factset_has(&set, 1023));
	assert_false(factset_has(&set, 0) || factset_has(&set, 65) || factset_has(&set, 2));
	evidence_facts(&connection, &outer_only);
	assert_true(factset_has(&outer_only, 1));
	assert_false(factset_has(&outer_only, 64) || factset_has(&outer_only, 1023));
	arena_close(&arena);
}

static void evidence_states_a_fact_once(void **state)
{
	struct evidence connection, message;
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	evidence_open(&connection, NULL);
	evidence_open(&message, &connection);
	evidence_add(&connection, &arena, 7, STAGE_CONNECT, "first");
	evidence_add(&connection, &arena, 8, STAGE_HELO, "other");
	evidence_add(&connection, &arena, 7, STAGE_HELO, "second");
	evidence_add(&connection, &arena, FACT_NO_ID, STAGE_HELO, "nothing");
	assert_int_equal(count_items(&connection), 2);
	assert_ptr_equal(connection.last, evidence_find(&connection, 8));
	assert_string_equal(evidence_find(&connection, 7)->detail, "first");
	assert_int_equal(evidence_find(&connection, 7)->stage, STAGE_CONNECT);
	/* what the message says of itself is nearer than what the connection said */
	evidence_add(&message, &arena, 7, STAGE_MAIL, "of the message");
	assert_string_equal(evidence_find(&message, 7)->detail, "of the message");
	assert_string_equal(evidence_find(&connection, 7)->detail, "first");
	arena_close(&arena);
}

static const char *cleaned(struct arena *arena, const char *detail)
{
	struct evidence evidence;

	evidence_open(&evidence, NULL);
	evidence_add(&evidence, arena, 0, STAGE_CONNECT, detail);
	return evidence.first->detail;
}

static void evidence_details_are_clean(void **state)
{
	static const struct {
		const char *detail, *want;
	} cases[] = {
		{ "127.0.0.4", "127.0.0.4" },
		{ "mail.example.org [192.0.2.1]", "mail.example.org [192.0.2.1]" },
		{ "a\r\nX-Spam-Flag: NO", "a\\x0d\\x0aX-Spam-Flag: NO" },
		{ "say \"hi\"", "say \\x22hi\\x22" },
		{ "a(b)c", "a\\x28b\\x29c" },
		{ "a;b", "a\\x3bb" },
		{ "a\\b", "a\\x5cb" },
		{ "\x1b[2J\x7f", "\\x1b[2J\\x7f" },
		{ "m\xc3\xbcnchen.example", "m\\xc3\\xbcnchen.example" },
		{ "", "" },
		{ NULL, "" },
	};
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(cleaned(&arena, cases[i].detail), cases[i].want);
	arena_close(&arena);
}

static void evidence_details_are_cut(void **state)
{
	char detail[EVIDENCE_DETAIL_MAX + 64];
	struct arena arena;
	const char *cut;

	(void)state;
	arena_open(&arena, NULL);
	memset(detail, 'a', sizeof(detail));
	detail[EVIDENCE_DETAIL_MAX] = '\0';
	assert_string_equal(cleaned(&arena, detail), detail);

	detail[EVIDENCE_DETAIL_MAX] = 'a';
	detail[EVIDENCE_DETAIL_MAX + 1] = '\0';
	cut = cleaned(&arena, detail);
	assert_int_equal(strlen(cut), EVIDENCE_DETAIL_MAX);
	assert_string_equal(cut + EVIDENCE_DETAIL_MAX - 4, "a...");

	/* an escape is whole or not there */
	memset(detail, '(', sizeof(detail));
	detail[sizeof(detail) - 1] = '\0';
	cut = cleaned(&arena, detail);
	assert_true(strlen(cut) <= EVIDENCE_DETAIL_MAX);
	assert_string_equal(cut + strlen(cut) - 7, "\\x28...");
	arena_close(&arena);
}

/* Every octet in every neighbourhood: nothing but harmless printable ASCII comes out. */
static void evidence_details_survive_any_octet(void **state)
{
	struct arena arena;
	char detail[8];

	(void)state;
	arena_open(&arena, NULL);
	for (int a = 1; a < 256; a++) {
		for (int b = 1; b < 256; b++) {
			const char *clean;
			snprintf(detail, sizeof(detail), "%c%c", a, b);
			clean = cleaned(&arena, detail);
			for (const char *at = clean; *at != '\0'; at++) {
				assert_true(*at >= 0x20 && *at <= 0x7e);
				assert_null(strchr("\"();", *at));
				if (*at == '\\')
					assert_true(at[1] == 'x' && strspn(at + 2, "0123456789abcdef") >= 2);
			}
		}
		arena_reset(&arena);
	}
	arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catalogue_gives_ids_in_order), cmocka_unit_test(catalogue_refuses_bad_names),
		cmocka_unit_test(catalogue_has_a_limit),        cmocka_unit_test(evidence_scopes_nest),
		cmocka_unit_test(evidence_states_a_fact_once),  cmocka_unit_test(evidence_details_are_clean),
		cmocka_unit_test(evidence_details_are_cut),     cmocka_unit_test(evidence_details_survive_any_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
