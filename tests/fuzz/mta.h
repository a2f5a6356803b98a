/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - a double of libmilter and of the MTA behind it, for the fuzz target `session`: it calls the real callbacks of
 * src/milter/callbacks.c and asserts, at each of their calls into libmilter, what an MTA relies on.
 *
 * Threads: one. One message transaction at a time, of one SMTP session beside an idle one.
 */
#ifndef MAILREEVE_TESTS_FUZZ_MTA_H
#define MAILREEVE_TESTS_FUZZ_MTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MTA_MACROS_MAX 24
#define MTA_NAMES_MAX  64 /* distinct names of fields that are counted */

struct milter_start;

/* What the MTA is told and knows of its session. */
struct smfi_str; /* libmilter's SMFICTX */

struct smfi_str *mta_open(void);
void mta_close(struct smfi_str **mta);

/* Register the filter (through milter_open()) with this engine and these settings. */
void mta_register(const struct milter_start *start);

/* The negotiation: what the MTA offers. */
void mta_negotiate(struct smfi_str *mta, unsigned long actions, unsigned long protocol);

/* A macro's value from now on; NULL: it is not defined. Both are copied. */
void mta_set_macro(struct smfi_str *mta, const char *name, const char *value);

/* It monitors: nothing may be refused or changed. */
void mta_set_monitor(struct smfi_str *mta, bool monitor);

/* From now on libmilter takes nothing from us, as when the MTA has gone. */
void mta_set_failing(struct smfi_str *mta, bool fails);

/* The stages; what may not come now is passed over, as an MTA and libmilter would never do it. */
void mta_connect(struct smfi_str *mta, char *hostname, const char *address);
void mta_helo(struct smfi_str *mta, char *helo);
void mta_mail(struct smfi_str *mta, char **arguments);
void mta_rcpt(struct smfi_str *mta, char **arguments);
void mta_header(struct smfi_str *mta, char *name, char *value);
void mta_end_of_headers(struct smfi_str *mta);
void mta_body(struct smfi_str *mta, const uint8_t *octets, size_t length);
void mta_end_of_message(struct smfi_str *mta);
void mta_abort(struct smfi_str *mta);
void mta_quit(struct smfi_str *mta); /* the next stage is a connection, not negotiated again (XCLIENT) */

#endif
