/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffix - public suffixes and organisational domains by the public suffix list.
 *
 * Threads: from any; the list is read once, before threads start, and immutable afterwards. One file includes libpsl.
 * Names are lower-case A-labels without a final dot. The list's private section (hosters and the like) counts.
 */
#ifndef MAILREEVE_MAIL_SUFFIX_H
#define MAILREEVE_MAIL_SUFFIX_H

#include <stdbool.h>

/*
 * Read the newest list that is installed, before threads start. Without it, or if none is installed, the list that the
 * library was built with is used. A list that is installed later counts from the next start on.
 */
void suffix_open(void);

/* Give the list back once no thread uses it any more. */
void suffix_close(void);

/*
 * Is the name itself a public suffix of the registries ("com", "co.uk")? Unknown single labels are. The hosters of the
 * list's private section are none: they may write and sign mail of their own.
 */
bool suffix_is_public(const char *domain);

/*
 * The organisational domain ("example.co.uk" of "mail.example.co.uk"), a part of `domain`; NULL: it is a public suffix
 * or no name.
 */
const char *suffix_organisation(const char *domain);

/* Have both the same organisational domain? A hoster of the private section has it in common with itself alone. */
bool suffix_same_organisation(const char *a, const char *b);

#endif
