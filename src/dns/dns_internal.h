/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_internal - what the files of the front share, and what its tests need. Nobody else includes it.
 *
 * Locks, always taken in this order: a cache shard's, then a session's. The resolver's thread holds the shard's lock
 * while it hands an answer to a waiter; who has held that lock since and finds no question->entry knows that nobody
 * touches it any more.
 */
#ifndef MAILREEVE_DNS_DNS_INTERNAL_H
#define MAILREEVE_DNS_DNS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "dns/backend.h"
#include "dns/cache.h"
#include "dns/dns.h"

/* Where the time comes from: clock_now(), or a test's hand. */
typedef clock_ms dns_clock(void);

struct dns {
	struct dns_settings settings; /* with strings of its own */
	struct dns_backend backend;
	struct cache *cache;
	dns_clock *now;
	_Atomic uint64_t outstanding;  /* against outstanding_max */
	struct counters *own_counters; /* where the settings name none */
};

enum question_state {
	QUESTION_OPEN,    /* waits in question->entry */
	QUESTION_READY,   /* the resolver's thread left block or why */
	QUESTION_SETTLED, /* answer is set; the session's list does not know it any more */
};

struct dns_question {
	struct dns_session *session;
	struct arena *arena;
	struct dns_question *prev_open, *next_open;     /* the session's list: its own thread only */
	struct cache_shard *shard;                      /* NULL: was answered at once */
	struct cache_entry *entry;                      /* shard's lock; NULL: waits no more */
	struct dns_question *prev_waiter, *next_waiter; /* shard's lock */
	clock_ms deadline;
	uint64_t asked_us;
	unsigned flags;
	unsigned asker;                  /* of the session when it was asked */
	enum question_state state;       /* session's lock */
	struct answer_block block;       /* session's lock; freed once it is copied to the arena */
	enum dns_why why;                /* session's lock; of UNSURE */
	const struct dns_answer *answer; /* set: SETTLED; session's own thread only */
};

struct dns_session {
	struct dns *dns;
	pthread_mutex_t lock;           /* guards news, and state, block, why of the session's questions */
	pthread_cond_t changed;         /* news was set; CLOCK_MONOTONIC */
	struct dns_question *questions; /* OPEN or READY; its own thread only */
	size_t asked;
	unsigned asker;  /* its own thread only */
	unsigned n_held; /* its own thread only */
	_Atomic unsigned n_open;
	bool news; /* something became READY, or woke the session, since dns_session_wait() looked */
};

/*
 * dns_open() with a backend of the caller's (whose `done` was dns_done) and a clock. With a clock moved by hand a wait
 * still sleeps in real time, for as long as that clock says is left.
 */
struct dns *dns_open_with_backend(const struct dns_settings *settings, const struct dns_backend *backend,
                                  dns_clock *now);

/* The dns_backend_done of the front; token is what ask() was given. */
void dns_done(void *token, const struct dns_backend_answer *said);

/*
 * How a question is answered from a cache entry; needs the shard's lock. A failure `why` gives an old answer instead
 * where the rules and the question's flags allow it. *block stays empty for UNSURE (why says how), else it is borrowed
 * from the entry.
 */
struct question_outcome {
	struct answer_block block;
	enum dns_why why;
	uint32_t ttl_s;
	bool stale;
	bool cached;
};
struct question_outcome question_from_cache(const struct cache_shard *shard, const struct cache_entry *entry,
                                            unsigned flags, enum dns_why why, clock_ms now);

/* Answer a question in its arena, on its session's thread. Counts. */
void question_settle(struct dns_question *question, const struct question_outcome *outcome);

/* Put a new question into its session's list and its entry's; needs the shard's lock. */
void question_join(struct dns_question *question, struct cache_shard *shard, struct cache_entry *entry);

/* Hand a waiting question its outcome, on any thread; needs the shard's lock, unlinks it from the entry. Counts. */
void question_wake(struct dns_question *question, const struct question_outcome *outcome);

/* `counter`: one of COUNTER_DNS_*. */
void dns_count(const struct dns *dns, enum counter counter, uint64_t n);
void dns_count_outcome(const struct dns *dns, const struct question_outcome *outcome);
/* Somebody waited for the network, and the wait is over. */
void dns_count_waited(const struct dns_question *question);

/* For latencies: microseconds of the monotonic clock. */
uint64_t dns_now_us(void);

#endif
