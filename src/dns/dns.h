/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns - every DNS question of the program goes through here.
 *
 * Threads: one handle serves all sessions of a worker. A dns_session belongs to one session, and only
 * one thread uses it at a time; answers arrive from the resolver's thread behind the scenes.
 * Owns: a question and its answer live in the arena given with dns_ask(); cancel what is open (dns_cancel,
 * dns_session_close) before that arena is reset.
 *
 * Names are text in presentation form (RFC 1035 5.1): labels separated by dots, no final dot needed, octets that are
 * not printable ASCII, and '.', '\\' inside a label, are \DDD. Names in answers are lower-cased, have no final dot, and
 * contain nothing but printable ASCII: they are safe to show, not to trust.
 */
#ifndef MAILREEVE_DNS_DNS_H
#define MAILREEVE_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/err.h"
#include "base/ip.h"

#define DNS_NAME_TEXT_MAX     1025 /* 253 octets, each at worst \DDD, and the terminator */
#define DNS_RECORDS_MAX       256  /* records kept of one answer */
#define DNS_ANSWER_OCTETS_MAX 65535

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28
};

enum dns_status {
	DNS_PENDING, /* no answer yet, and the question's deadline has not passed */
	DNS_FOUND,   /* at least one record of the type asked for */
	DNS_NONE,    /* the name or the type is proven absent: why is NXDOMAIN, NODATA or BAD_NAME */
	DNS_UNSURE,  /* the world did not answer: why says how */
};

enum dns_why {
	DNS_WHY_NOTHING, /* status FOUND or PENDING */
	DNS_WHY_NXDOMAIN,
	DNS_WHY_NODATA,
	DNS_WHY_BAD_NAME, /* cannot exist: an empty label, a label over 63 octets, a name over 253 */
	DNS_WHY_TIMEOUT,  /* the deadline passed first */
	DNS_WHY_SERVFAIL, /* SERVFAIL, REFUSED, garbage, a referral, no server: the library tells few apart */
	DNS_WHY_BOGUS,    /* DNSSEC validation failed */
	DNS_WHY_LIMIT,    /* too many questions outstanding, in this session or in all */
};

struct dns_record {
	struct ip ip;                 /* A, AAAA */
	uint16_t preference;          /* MX */
	const char *name;             /* PTR, MX (exchange), NS, CNAME; NULL else */
	const uint8_t *data;          /* TXT: all strings, joined (RFC 7208 3.3); terminated, but may contain NUL */
	size_t octets;                /* of data */
	const uint8_t *string_octets; /* TXT: the length of each string, in order */
	size_t n_strings;
};

struct dns_answer {
	enum dns_status status;
	enum dns_why why;
	uint32_t ttl_s;        /* of the answer (FOUND: the smallest on the way; NONE: negative TTL; UNSURE: 0) */
	bool secure;           /* validated with DNSSEC */
	bool cached;           /* answered without asking anybody */
	bool stale;            /* beyond its TTL, given because the servers do not answer */
	const char *canonical; /* the name at the end of the CNAME chain; NULL when there was none */
	const struct dns_record *records;
	size_t n_records;
};

/* How the service resolves. AUTO: forward to a loopback resolver that resolv_conf names, else recurse. */
enum dns_mode { DNS_MODE_AUTO, DNS_MODE_RECURSE, DNS_MODE_FORWARD, DNS_MODE_ZONE };

struct dns_settings {
	enum dns_mode mode;
	const char *const *forward; /* addresses ("192.0.2.53", "192.0.2.53@5353", "2001:db8::53"); FORWARD only */
	size_t n_forward;
	const char *resolv_conf;     /* read in AUTO, and in FORWARD without addresses */
	const char *root_hints;      /* a file; "" = built in */
	const char *trust_anchor;    /* a file; "" = no DNSSEC validation of our own */
	const char *zone_file;       /* mode ZONE: everything comes from this file, nothing is asked */
	int question_ms;             /* deadline of one question: 5000 */
	int outstanding_max;         /* in all: 2048 */
	int session_outstanding_max; /* in a session: 64 */
	int cache_kb;                /* memory of the front cache: 16384 (about 50,000 names) */
	int ttl_min_s, ttl_max_s;    /* answers are held at least, positive ones at most that long: 5, 3600 */
	int negative_ttl_max_s;      /* 900 */
	int failure_ttl_s;           /* SERVFAIL and bogus: 5 */
	int timeout_ttl_s;           /* a name that timed out is not waited for again: 15 */
	int stale_s;                 /* how long after its TTL an answer may stand in for a failure: 3600; 0 = never */
	struct tally tally;          /* where it counts; no counters: in memory of its own */
};

/* A settings value with the defaults named above (mode AUTO, "/etc/resolv.conf", no files). */
struct dns_settings dns_default_settings(void);

struct dns;
struct dns_session;
struct dns_question;

/*
 * Start the service: reads files, starts the resolver thread (all signals blocked in it). The settings are copied.
 * Returns NULL and says why in err. Call after fork(), never before.
 */
struct dns *dns_open(const struct dns_settings *settings, struct err *err);

/* Check what dns_open() would refuse (files, addresses, zone syntax) without starting anything. 0 or -1. */
int dns_check(const struct dns_settings *settings, struct err *err);

/* All sessions must be closed. Stops the thread. */
void dns_close(struct dns **dns);

/* One for each session; small (about 150 octets). Lives until dns_session_close, which cancels what is open. */
struct dns_session *dns_session_open(struct dns *dns);
void dns_session_close(struct dns_session **session);

/*
 * From now on the session asks for the check of this number (below COUNTERS_CHECKS): for the histograms of how long
 * answers take. Never blocks; on the session's own thread.
 */
void dns_session_asks_for(struct dns_session *session, unsigned check);

enum dns_flags {
	DNS_FLAG_NONE = 0,
	DNS_FLAG_NO_STALE = 1, /* never give an answer beyond its TTL: block and allow lists */
	DNS_FLAG_SECRET = 2,   /* the name is never written to a log */
};

/*
 * Ask; never blocks. The question's deadline is now + question_ms. A bad name, a limit and a cached answer are
 * answered at once. Never NULL.
 */
struct dns_question *dns_ask(struct dns_session *session, struct arena *arena, const char *name, enum dns_type type,
                             unsigned flags);

/*
 * Has it been answered? Never blocks. Returns the status; for everything but DNS_PENDING *answer (may be NULL) is set
 * to the answer, which lives in the question's arena and never changes any more. After the question's deadline the
 * status is DNS_UNSURE with DNS_WHY_TIMEOUT.
 */
enum dns_status dns_poll(struct dns_question *question, const struct dns_answer **answer);

/*
 * Wait for a question until `deadline` or its own deadline, whichever comes first. Returns as dns_poll(); DNS_PENDING
 * when the caller's deadline came first (the question stays open).
 */
enum dns_status dns_wait(struct dns_question *question, clock_ms deadline, const struct dns_answer **answer);

/*
 * Wait until at least one open question of the session has been answered (or has reached its own deadline) since the
 * last call of this function returned, or dns_session_wake() was called, or until `deadline`. Returns at once when no
 * question is open and nothing is held. Returns false when `deadline` came first. All questions' arenas must be as
 * alive as for dns_poll().
 */
bool dns_session_wait(struct dns_session *session, clock_ms deadline);

/*
 * The session waits for something beside DNS as well (a probe). Held: dns_session_wait() goes on sleeping though no
 * question is open; as often as it was held it must be let go. Both on the session's own thread.
 */
void dns_session_hold(struct dns_session *session);
void dns_session_let_go(struct dns_session *session);

/* What it waits for has come: end its wait, or the next one. From any thread; `session` is a struct dns_session. */
void dns_session_wake(void *session);

/*
 * Nobody waits for it any more; its answer still fills the cache. The question must not be used afterwards. NULL is
 * accepted.
 */
void dns_cancel(struct dns_question *question);

/* Cancel every open question of the session whose answer was to live in `arena`: before the arena is reset. */
void dns_session_cancel(struct dns_session *session, const struct arena *arena);

/* How many questions of the session are open (not answered, not cancelled, deadline not seen to have passed). */
size_t dns_session_outstanding(const struct dns_session *session);

/* How often dns_ask() was called in this session, whatever the answer (for the log). */
size_t dns_session_asked(const struct dns_session *session);

/*
 * asked = hit + miss + coalesced + limited.
 * asked = found + none + unsure_* + limited + abandoned + questions still open.
 */

struct dns_stats {
	uint64_t asked;     /* dns_ask() calls */
	uint64_t hit;       /* answered at once: from the cache (remembered failures too), or no name at all */
	uint64_t miss;      /* handed to the resolver */
	uint64_t coalesced; /* joined an identical question in flight */
	uint64_t stale;     /* answered beyond the TTL (counted as found or none as well) */
	uint64_t late;      /* the asker's deadline came first */
	uint64_t abandoned; /* cancelled before the answer */
	uint64_t limited;   /* refused by a limit (with an old answer at hand it is a stale hit instead) */
	uint64_t found, none, unsure_timeout, unsure_servfail, unsure_bogus; /* answers as given to askers */
	uint64_t evicted;                                                    /* cache entries dropped for room */
	uint64_t outstanding;               /* now in the resolver's hands, whether or not anybody still waits */
	uint64_t latency_us_sum, latency_n; /* of questions handed to the resolver and answered */
	uint64_t latency_bucket[12];        /* up to 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 ms, above */
};

/* Of everybody who counts in the same counters (settings.tally); `outstanding` is this service's. */
void dns_get_stats(const struct dns *dns, struct dns_stats *stats);

/* "timeout", "servfail", "bogus", "limit", "nxdomain", "nodata", "bad-name", "": as logs show them. */
const char *dns_why_name(enum dns_why why);
/* "A", "PTR", ... or "TYPE123". */
const char *dns_type_name(enum dns_type type);

#endif
