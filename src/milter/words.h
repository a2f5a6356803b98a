/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words - texts as the MTA wants them, and as we want those that it gives; without libmilter.
 *
 * Threads: pure. What a function returns is allocated: its caller's.
 */
#ifndef MAILREEVE_MILTER_WORDS_H
#define MAILREEVE_MILTER_WORDS_H

/* The authserv-id: as configured; where that is empty the MTA's name (may be NULL), else this host's. */
char *words_authserv_id(const char *configured, const char *mta_name);

/* libmilter takes a reply's text as a format: every percent sign is doubled. */
char *words_as_format(const char *text);

/*
 * An MTA that keeps the space behind the colon of a field to itself (no SMFIP_HDR_LEADSPC) has cut off one, which is
 * there nearly always: put it back.
 */
char *words_with_space(const char *value);

#endif
