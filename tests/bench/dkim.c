/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench/dkim - what a verification costs, against what it cannot do without.
 *
 *   make bench            builds and runs every program of tests/bench
 *   tests/bench/dkim      this one alone; about 15 seconds, one line for each figure
 *
 * The raw limit is what any verifier has to do: SHA-256 of the message's octets and one verification with OpenSSL,
 * the key decoded before. Ours is all of it, through dkim/dkim.h: header fields, body, key record from memory
 * (decoded once, then from the cache), result. Both are measured in turns in the same run; figures are medians of
 * the turns, so what else the machine does hits both. Large bodies: MB/s of all of ours against SHA-256 alone over
 * the same octets, as pieces of 65,535 octets like those of a milter. Threads: messages a second with two threads
 * against one; beside it the same for the raw limit, which is what the machine can do. The targets are those of the
 * project. A figure that misses one is marked; nothing fails for being slow: that depends on the machine and on
 * what else it does. A message that does not pass ends the program with 1.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "dkim_message.h"
#include "mail/suffix.h"

#define TURNS         41
#define TURNS_LARGE   9
#define TURNS_THREADS 7
#define CALLS         25 /* of a turn, small messages */
#define LARGE_OCTETS  (10UL * 1000 * 1000)
#define PIECE_OCTETS  65535
#define TURN_MS       250 /* of the threads */
#define THREADS       2

/* ---- ours ---- */

static void *ask(void *context, const char *name, enum dns_type type)
{
	(void)name;
	(void)type;
	return context;
}

static enum dns_status poll(void *context, void *question, const struct dns_answer **answer)
{
	const struct message *message = context;

	(void)question;
	*answer = &message->answer;
	return DNS_FOUND;
}

static void verify(struct dkim_service *service, struct message *message, struct arena *arena)
{
	const struct dns_asker asker = { .context = message, .ask = ask, .poll = poll };
	struct dkim *dkim = dkim_open(service, &asker, NOW_S, arena);
	const struct dkim_results *results;

	for (size_t i = 0; i < message->n; i++)
		dkim_add_field(dkim, message->name[i], message->value[i]);
	dkim_headers_end(dkim);
	for (size_t at = 0; at < message->body_octets; at += PIECE_OCTETS) {
		const size_t left = message->body_octets - at;
		dkim_add_body(dkim, message->body + at, left < PIECE_OCTETS ? left : PIECE_OCTETS);
	}
	dkim_body_end(dkim);
	if (!dkim_step(dkim))
		fail("a verification does not end");
	results = dkim_get_results(dkim);
	if (results->n != 1 || results->results[0].code != DKIM_PASS)
		fail(results->n == 1 ? results->results[0].reason : "there is no signature");
	arena_reset(arena);
}

/* ---- the raw limit ---- */

struct raw {
	EVP_MD *sha256;
	EVP_MD_CTX *digest, *ed25519;
	EVP_PKEY_CTX *rsa; /* NULL: Ed25519 */
};

static void raw_open(struct raw *raw, const struct message *message)
{
	raw->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	raw->digest = EVP_MD_CTX_new();
	raw->ed25519 = EVP_MD_CTX_new();
	raw->rsa = NULL;
	if (EVP_PKEY_get_base_id(message->key) != EVP_PKEY_RSA)
		return;
	raw->rsa = EVP_PKEY_CTX_new(message->key, NULL);
	if (EVP_PKEY_verify_init(raw->rsa) != 1 || EVP_PKEY_CTX_set_rsa_padding(raw->rsa, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(raw->rsa, raw->sha256) != 1)
		fail("OpenSSL refuses");
}

static void raw_close(struct raw *raw)
{
	EVP_PKEY_CTX_free(raw->rsa);
	EVP_MD_CTX_free(raw->digest);
	EVP_MD_CTX_free(raw->ed25519);
	EVP_MD_free(raw->sha256);
}

static void raw_hash(struct raw *raw, const struct message *message, size_t octets)
{
	uint8_t hash[32];

	EVP_DigestInit_ex(raw->digest, raw->sha256, NULL);
	for (size_t at = 0; at < octets; at += PIECE_OCTETS)
		EVP_DigestUpdate(raw->digest, message->body + at,
		                 octets - at < PIECE_OCTETS ? octets - at : PIECE_OCTETS);
	EVP_DigestFinal_ex(raw->digest, hash, NULL);
}

static void raw_verify(struct raw *raw, const struct message *message)
{
	int good;

	raw_hash(raw, message, message->body_octets);
	EVP_DigestInit_ex(raw->digest, raw->sha256, NULL);
	EVP_DigestUpdate(raw->digest, message->value, message->header_octets);
	EVP_DigestFinal_ex(raw->digest, (uint8_t[32]){ 0 }, NULL);
	if (raw->rsa) {
		good = EVP_PKEY_verify(raw->rsa, message->signature, message->signature_octets, message->hash, 32);
	} else {
		EVP_DigestVerifyInit(raw->ed25519, NULL, NULL, NULL, message->key);
		good = EVP_DigestVerify(raw->ed25519, message->signature, message->signature_octets, message->hash, 32);
		EVP_MD_CTX_reset(raw->ed25519);
	}
	if (good != 1)
		fail("the raw verification fails");
}

/* ---- figures ---- */

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static const char *mark(double ratio, double must, double want, bool less)
{
	if (less ? ratio <= want : ratio >= want)
		return "as wanted";
	return (less ? ratio <= must : ratio >= must) ? "met" : "MISSED";
}

static void small(struct dkim_service *service, bool ed25519, enum dkim_canon canon)
{
	struct message *message = make_message(ed25519, canon, SMALL_OCTETS, false);
	double ours[TURNS], limit[TURNS], begin;
	struct arena arena;
	struct raw raw;

	arena_open(&arena, NULL);
	raw_open(&raw, message);
	for (size_t turn = 0; turn < TURNS; turn++) {
		begin = now_us();
		for (size_t i = 0; i < CALLS; i++)
			verify(service, message, &arena);
		ours[turn] = (now_us() - begin) / CALLS;
		begin = now_us();
		for (size_t i = 0; i < CALLS; i++)
			raw_verify(&raw, message);
		limit[turn] = (now_us() - begin) / CALLS;
	}
	const double a = median(ours, TURNS), b = median(limit, TURNS);
	printf("%-8s 4 KB   %-8s %10.1f us %10.1f us %7.2f x   <= 2.0, 1.4   %s\n", ed25519 ? "Ed25519" : "RSA-2048",
	       canon == DKIM_SIMPLE ? "simple" : "relaxed", a, b, a / b,
	       ed25519 ? "(no target)" : mark(a / b, 2.0, 1.4, true));
	raw_close(&raw);
	arena_close(&arena);
	free_message(message);
}

static void large(struct dkim_service *service, enum dkim_canon canon, bool base64)
{
	struct message *message = make_message(false, canon, LARGE_OCTETS, base64);
	double ours[TURNS_LARGE], limit[TURNS_LARGE], begin;
	struct arena arena;
	struct raw raw;

	arena_open(&arena, NULL);
	raw_open(&raw, message);
	for (size_t turn = 0; turn < TURNS_LARGE; turn++) {
		begin = now_us();
		verify(service, message, &arena);
		ours[turn] = (double)LARGE_OCTETS / (now_us() - begin);
		begin = now_us();
		raw_hash(&raw, message, message->body_octets);
		limit[turn] = (double)LARGE_OCTETS / (now_us() - begin);
	}
	const double a = median(ours, TURNS_LARGE), b = median(limit, TURNS_LARGE);
	printf("%-8s 10 MB  %-8s %8.0f MB/s %8.0f MB/s %7.2f x   >= 0.60, 0.75 %s\n", base64 ? "base64" : "text",
	       canon == DKIM_SIMPLE ? "simple" : "relaxed", a, b, a / b, mark(a / b, 0.60, 0.75, false));
	raw_close(&raw);
	arena_close(&arena);
	free_message(message);
}

/* ---- threads ---- */

struct work {
	struct dkim_service *service; /* NULL: the raw limit */
	struct message *message;
	double until_us;
	unsigned long done;
};

static void *run_thread(void *context)
{
	struct work *work = context;
	struct arena arena;
	struct raw raw;

	arena_open(&arena, NULL);
	raw_open(&raw, work->message);
	for (work->done = 0; now_us() < work->until_us; work->done++) {
		if (work->service)
			verify(work->service, work->message, &arena);
		else
			raw_verify(&raw, work->message);
	}
	raw_close(&raw);
	arena_close(&arena);
	return NULL;
}

/* Messages a second. */
static double rate(struct dkim_service *service, struct message *message, size_t n_threads)
{
	struct work works[THREADS];
	pthread_t threads[THREADS];
	const double begin = now_us();
	unsigned long done = 0;

	for (size_t i = 0; i < n_threads; i++) {
		works[i] = (struct work){ .service = service, .message = message, .until_us = begin + TURN_MS * 1e3 };
		if (pthread_create(&threads[i], NULL, run_thread, &works[i]))
			fail("no thread");
	}
	for (size_t i = 0; i < n_threads; i++) {
		pthread_join(threads[i], NULL);
		done += works[i].done;
	}
	return (double)done * 1e6 / (now_us() - begin);
}

static void threads(struct dkim_service *service)
{
	struct message *message = make_message(false, DKIM_RELAXED, SMALL_OCTETS, false);
	double one[TURNS_THREADS], two[TURNS_THREADS], ours[TURNS_THREADS], limit[TURNS_THREADS];

	for (size_t turn = 0; turn < TURNS_THREADS; turn++) {
		one[turn] = rate(service, message, 1);
		two[turn] = rate(service, message, THREADS);
		ours[turn] = two[turn] / one[turn];
		limit[turn] = rate(NULL, message, THREADS) / rate(NULL, message, 1);
	}
	const double a = median(ours, TURNS_THREADS), b = median(limit, TURNS_THREADS);
	printf("two threads against one: %.0f/s against %.0f/s, %.2f x; the raw limit %.2f x   >= 1.8   %s\n",
	       median(two, TURNS_THREADS), median(one, TURNS_THREADS), a, b, mark(a, 1.8, 1.8, false));
	free_message(message);
}

int main(void)
{
	static const enum dkim_canon canons[] = { DKIM_RELAXED, DKIM_SIMPLE };
	const struct dkim_settings settings = dkim_default_settings();
	struct err err = { "" };
	struct dkim_service *service;

	suffix_open();
	service = dkim_service_open(&settings, &err);
	if (!service)
		fail(err.text);
	printf("%-24s %13s %13s %9s   %s\n", "DKIM", "ours", "raw limit", "ratio", "must, want");
	for (size_t i = 0; i < COUNT(canons); i++)
		small(service, false, canons[i]);
	for (size_t i = 0; i < COUNT(canons); i++)
		small(service, true, canons[i]);
	for (size_t i = 0; i < COUNT(canons); i++) {
		large(service, canons[i], false);
		large(service, canons[i], true);
	}
	threads(service);
	dkim_service_close(&service);
	suffix_close();
	return 0;
}
