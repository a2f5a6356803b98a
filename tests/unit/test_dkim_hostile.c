/* SPDX-License-Identifier: BSD-2-Clause */
/* What strangers send: caps, garbage, and that our text and the library's hash are the same whatever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#include "dkim/headerhash.h"
#include "dkim_fixture.h"

#define ROUNDS        3000
#define THREADS       4
#define THREAD_ROUNDS 200

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static struct dkim *open_message(struct place *place, const char *field)
{
	struct dns_asker asker = world_asker(&place->world);
	struct dkim *dkim = dkim_open(place->world.service, &asker, NOW, &place->arena);

	dkim_add_field(dkim, "DKIM-Signature", field + strlen("DKIM-Signature:"));
	return dkim;
}

static const struct dkim_result *finish(struct dkim *dkim)
{
	dkim_headers_end(dkim);
	dkim_body_end(dkim);
	assert_true(dkim_step(dkim));
	return &dkim_get_results(dkim)->results[0];
}

static void caps_the_header(void **state)
{
	static char large[DKIM_HEADER_OCTETS_MAX];
	struct place place;
	struct dkim *dkim;
	char *field;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	place_open(&place, "");
	field = sign(&place, KEY_RSA, TAGS, HEADER, "");
	dkim = open_message(&place, field);
	dkim_add_field(dkim, "X", large);
	dkim_add_field(dkim, "DKIM-Signature", field + strlen("DKIM-Signature:"));
	expect(finish(dkim), DKIM_PERMERROR, "the header is too large");
	assert_int_equal(dkim_get_results(dkim)->n, 2);
	assert_false(dkim_wants_body(dkim));

	dkim = open_message(&place, field);
	for (int i = 0; i < DKIM_HEADER_FIELDS_MAX; i++)
		dkim_add_field(dkim, "X", "");
	expect(finish(dkim), DKIM_PERMERROR, "the header is too large");
	place_close(&place);
}

static void caps_one_signature(void **state)
{
	static char large[DKIM_SIGNATURE_OCTETS_MAX + 20];
	struct place place;

	(void)state;
	memset(large, ' ', sizeof(large) - 1);
	place_open(&place, "");
	expect(finish(open_message(&place, large)), DKIM_PERMERROR, "the signature is too long");
	place_close(&place);
}

static void stops_gathering_when_the_session_has_used_its_share(void **state)
{
	struct arena_quota quota = { .max_octets = 1000 };
	struct place place;
	struct dns_asker asker;
	struct arena arena;
	struct dkim *dkim;

	(void)state;
	place_open(&place, "");
	asker = world_asker(&place.world);
	arena_open(&arena, &quota);
	dkim = dkim_open(place.world.service, &asker, NOW, &arena);
	for (int i = 0; i < 100; i++)
		dkim_add_field(dkim, "Subject",
		               " something of a length that is not short, to fill the quota that there is");
	dkim_add_field(dkim, "DKIM-Signature", " v=1");
	expect(finish(dkim), DKIM_PERMERROR, "the header is too large");
	arena_close(&arena);
	place_close(&place);
}

static void survives_empty_and_odd_fields(void **state)
{
	static const char *const odd[][2] = {
		{ "", "" },           { " ", "\n" }, { "DKIM-Signature", "" },           { "DKIM-Signature ", "\r" },
		{ "From", "\n\n\n" }, { ":", ":" },  { "dkim-signature\t", "\xff=\xfe" }
	};
	struct place place;
	struct dkim *dkim;

	(void)state;
	place_open(&place, "");
	dkim = open_message(&place, "DKIM-Signature: ;;;");
	for (size_t i = 0; i < COUNT(odd); i++)
		dkim_add_field(dkim, odd[i][0], odd[i][1]);
	assert_int_equal(finish(dkim)->code, DKIM_PERMERROR);
	assert_int_equal(dkim_get_results(dkim)->n, 4);
	place_close(&place);
}

/* ---- the library's hash is that of our text ---- */

static const char *const names[] = { "From", "TO", "subject", "X-A", "x-b ", "Received" };
static const char *const pieces[] = { " ", "\t", "\r\n ",    "\r\n\t", "a",    "B",   ":",
	                              ";", "=",  "\xc3\xa4", "\x7f",   "\x01", "word" };

static size_t random_text(uint32_t *seed, char *text, size_t size)
{
	struct strbuf buf;
	unsigned n = next_random(seed) % 12;

	strbuf_open(&buf, text, size);
	for (unsigned i = 0; i < n; i++)
		strbuf_add(&buf, pieces[next_random(seed) % COUNT(pieces)]);
	return buf.length;
}

static size_t random_fields(uint32_t *seed, struct dkim_field *fields, size_t max, struct arena *arena)
{
	size_t n = 1 + next_random(seed) % max;
	char value[200];

	for (size_t i = 0; i < n; i++) {
		const char *name = names[next_random(seed) % COUNT(names)];
		random_text(seed, value, sizeof(value));
		char *text = sign_format(arena, name, ":", value, "");
		fields[i] = (struct dkim_field){ .text = text,
			                         .octets = strlen(text),
			                         .name_octets = strcspn(name, " \t"),
			                         .value_at = strlen(name) + 1 };
	}
	return n;
}

static void random_signature(uint32_t *seed, struct dkim_field *field, struct dkim_signature *signature,
                             struct arena *arena)
{
	static const char *const canons[] = { "", "c=relaxed;", "c= simple / simple", "C=x; c=relaxed/simple;" };
	char text[600], problem_text[200];
	struct strbuf buf, problem;

	strbuf_open(&buf, text, sizeof(text));
	strbuf_open(&problem, problem_text, sizeof(problem_text));
	strbuf_addf(&buf, "DKIM-Signature:%sv=1; a=rsa-sha%s; d=example.org;\r\n\ts=rsa; %s",
	            next_random(seed) % 2 ? "" : " ",
	            next_random(seed) % 2 ? "1; bh=AAECAwQFBgcICQoLDA0ODxAREhM="
	                                  : "256; bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	            canons[next_random(seed) % 2]);
	strbuf_addf(&buf, " h=from");
	for (unsigned i = next_random(seed) % 6; i > 0; i--)
		strbuf_addf(&buf, "%s:%s%.*s", next_random(seed) % 3 ? "" : " \r\n ", next_random(seed) % 3 ? "" : " ",
		            (int)strcspn(names[i], " \t"), names[i]);
	strbuf_addf(&buf, ";%sb=%s%s%s", next_random(seed) % 2 ? "" : "\r\n ", next_random(seed) % 2 ? "" : " ",
	            "AAAA BBBB\r\n CCCC", next_random(seed) % 2 ? "" : " ; t=1700000000 ");
	field->text = arena_copy(arena, text, buf.length);
	field->octets = buf.length;
	field->name_octets = strlen("DKIM-Signature");
	field->value_at = strlen("DKIM-Signature:");
	field->signature = signature;
	if (dkim_signature_parse(signature, field->text + field->value_at, field->octets - field->value_at, arena,
	                         &problem) != 0)
		fail_msg("%s: %s", field->text, problem_text);
}

static void library_hashes_our_text(void **state)
{
	struct dkim_library *library = dkim_library_open(NULL);
	uint32_t seed = 4711;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct dkim_field fields[22] = { { 0 } };
		struct dkim_signature signatures[2];
		struct dkim_header_hash hashes[2] = { { 0 } };
		struct arena arena;
		arena_open(&arena, NULL);
		size_t n = 1 + random_fields(&seed, fields + 1, 20, &arena);
		random_signature(&seed, &fields[0], &signatures[0], &arena);
		random_signature(&seed, &fields[n], &signatures[1], &arena);
		hashes[1].field = n;
		dkim_header_hashes(library, fields, n + 1, hashes, 2, true, &arena);
		for (int i = 0; i < 2; i++) {
			assert_null(hashes[i].oddity);
			if (hashes[i].canonical == NULL)
				fail_msg("round %d: %s", round, fields[hashes[i].field].text);
		}
		arena_close(&arena);
	}
	dkim_library_close(&library);
}

static void knows_what_the_library_does_otherwise(void **state)
{
	static const struct {
		const char *tags, *oddity;
	} cases[] = {
		{ "; xb=x", "a tag with a name that ends in b" },
		{ "; X=1; x=1800000000", "tags with names that differ in case only" },
		{ "; n=\xc3\xa4", "a signature that is not ASCII" },
		{ ":dkim-signature", "a signature that covers others" },
		{ "; i=\"@\"@example.org", "several @ in i=" },
		{ "; i=a=20b@example.org", "an encoded i=" },
		{ "; t=1", "a time in the last century" },
		{ ":subject", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char tags[300], problem_text[200];
		struct place place;
		struct strbuf problem;
		struct dkim_signature signature;
		struct dkim_field field = { .name_octets = 14, .value_at = 15, .signature = &signature };
		place_open(&place, "");
		snprintf(tags, sizeof(tags), "%s%s", TAGS, cases[i].tags);
		field.text = sign(&place, KEY_RSA, tags, HEADER, BODY);
		field.octets = strlen(field.text);
		strbuf_open(&problem, problem_text, sizeof(problem_text));
		dkim_signature_parse(&signature, field.text + 15, field.octets - 15, &place.arena, &problem);
		const char *oddity = dkim_field_oddity(&field, DKIM_RELAXED, true);
		if (cases[i].oddity == NULL)
			assert_null(oddity);
		else
			assert_string_equal(oddity, cases[i].oddity);
		expect(verify(&place, field.text, HEADER, BODY), DKIM_PASS, "");
		place_close(&place);
	}
}

/* Octets of a message are damaged; whatever comes of it, what is signed is what passes. */
static void survives_damage(void **state)
{
	struct place place;
	uint32_t seed = 815;
	char *text;
	size_t octets;

	(void)state;
	place_open(&place, "");
	text = sign_format(&place.arena,
	                   sign(&place, KEY_ED25519,
	                        "v=1; a=ed25519-sha256; c=simple; d=example.org; s=ed; h=from:to:subject", HEADER,
	                        BODY),
	                   "\r\n", HEADER, "\r\n" BODY);
	octets = strlen(text);
	for (size_t i = 0; i < octets; i++) {
		struct arena arena;
		char saved = text[i];
		arena_open(&arena, NULL);
		text[i] = (char)((unsigned char)text[i] ^ (1u << next_random(&seed) % 8));
		const struct dkim_results *results = world_verify(&place.world, text, octets, 3, NOW, &arena);
		for (size_t k = 0; k < results->n; k++) {
			/* where the signature ends, a CR can become a tab: white space around b= is not signed */
			if (results->results[k].code == DKIM_PASS && i != strcspn(text, "\t\n"))
				fail_msg("octet %zu is 0x%02x", i, (unsigned char)text[i]);
		}
		text[i] = saved;
		arena_close(&arena);
	}
	place_close(&place);
}

/* ---- threads ---- */

struct thread {
	pthread_t id;
	struct place *place;
	const char *text;
	unsigned passed;
};

static void *verify_often(void *context)
{
	struct thread *thread = context;

	for (int i = 0; i < THREAD_ROUNDS; i++) {
		struct world world = thread->place->world;
		struct arena arena;
		arena_open(&world.arena, NULL);
		arena_open(&arena, NULL);
		const struct dkim_results *results = world_verify(&world, thread->text, strlen(thread->text), 1000, NOW,
		                                                  &arena);
		thread->passed += results->results[0].code == DKIM_PASS;
		arena_close(&arena);
		arena_close(&world.arena);
	}
	return NULL;
}

static void threads_share_a_service(void **state)
{
	struct thread threads[THREADS];
	struct place place;
	char *text;

	(void)state;
	place_open(&place, "");
	text = sign_format(&place.arena, sign(&place, KEY_RSA, TAGS, HEADER, BODY), "\r\n", HEADER, "\r\n" BODY);
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .place = &place, .text = text };
		assert_int_equal(pthread_create(&threads[i].id, NULL, verify_often, &threads[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		assert_int_equal(threads[i].passed, THREAD_ROUNDS);
	}
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps_the_header),
		cmocka_unit_test(caps_one_signature),
		cmocka_unit_test(stops_gathering_when_the_session_has_used_its_share),
		cmocka_unit_test(survives_empty_and_odd_fields),
		cmocka_unit_test(library_hashes_our_text),
		cmocka_unit_test(knows_what_the_library_does_otherwise),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(threads_share_a_service),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
