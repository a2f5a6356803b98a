/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words - texts as the MTA wants them, and as we want those that it gives; without libmilter.
 *
 * Threads: pure. A char * that a function returns is allocated: its caller's. A const char * is one of its arguments.
 */
#ifndef MAILREEVE_MILTER_WORDS_H
#define MAILREEVE_MILTER_WORDS_H

#include <stddef.h>

#define WORDS_HOST_MAX 256

/* The authserv-id: as configured; where that is empty the MTA's name (may be NULL), else this host's, in `host`. */
const char *words_authserv_id(const char *configured, const char *mta_name, char host[WORDS_HOST_MAX]);

/* libmilter takes a reply's text as a format: every percent sign is doubled. */
char *words_as_format(const char *text);

/*
 * An MTA that keeps the space behind the colon of a field to itself (no SMFIP_HDR_LEADSPC) has cut off one, which is
 * there nearly always: put it back.
 */
char *words_with_space(const char *value);

/* A client's confirmed name; NULL: none. Sendmail gives the address in brackets then. */
const char *words_client_name(const char *macro, const char *hostname);

/*
 * Has the MTA refused this recipient by itself (SMFIP_RCPT_REJ)? Its status code; NULL: it has not. Whatever we answer,
 * it stays refused. A transport may be called "error" as well: only with a status code behind it is it a refusal.
 */
const char *words_refusal(const char *mailer, const char *host);

/* A stranger's text as the log may show it, in `shown`; returns that. */
const char *words_shown(const char *text, char *shown, size_t size);

/* What a quarantined message's entry in the queue says. */
void words_hold_reason(char *reason, size_t size, int score_milli, const char *sid);

#endif
