/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unbound_context - libunbound itself: a context of it is set up from a plan, asked, and its answers are read. When and
 * how much it is asked is dns_unbound.c's affair.
 *
 * Threads: a context belongs to whoever runs its event base, one thread at a time.
 * Owns: the context is the caller's; the event base is borrowed, and has to outlive it.
 */
#ifndef MAILREEVE_DNS_UNBOUND_CONTEXT_H
#define MAILREEVE_DNS_UNBOUND_CONTEXT_H

#include <stdint.h>

#include "base/err.h"
#include "dns/backend.h"
#include "dns/dns.h"
#include "dns/unbound_setup.h"

struct event_base;
struct ub_ctx;

/*
 * A context that has read its files and has asked itself for localhost. NULL with an err that names the option
 * (dns.forward, dns.root_hints, dns.trust_anchor), or says what the library lacks.
 */
struct ub_ctx *unbound_context_open(struct event_base *base, const struct unbound_plan *plan,
                                    const struct dns_settings *settings, struct err *err);

/* Some of the questions that are outstanding are answered meanwhile, others never will be. */
void unbound_context_close(struct ub_ctx **ctx);

/* Called with an answer in libunbound's own words; `packet` is only borrowed for the call. */
typedef void unbound_context_done(void *data, int rcode, void *packet, int octets, int sec, char *why_bogus,
                                  int was_ratelimited);

/*
 * Ask for a name (presentation text). done() is called at most once: within this call, from the event loop, or within
 * unbound_context_close(). Returns 0, or -1: the library refused, perhaps after it has called done().
 */
int unbound_context_ask(struct ub_ctx *ctx, const char *name, enum dns_type type, unbound_context_done *done,
                        void *data);

/* What done() was told, in ours: FOUND or NONE with the packet, SERVFAIL or BOGUS without. */
struct dns_backend_answer unbound_context_answer(int rcode, const uint8_t *packet, int octets, int sec);

#endif
