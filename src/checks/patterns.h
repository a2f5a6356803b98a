/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patterns - options that name addresses and domains: "user@example.org", "user@" (in any domain), "example.org",
 * ".example.org" (any domain below it).
 *
 * Threads: pure. Owns nothing: a pattern that is returned is the configuration's.
 */
#ifndef MAILREEVE_CHECKS_PATTERNS_H
#define MAILREEVE_CHECKS_PATTERNS_H

#include "config/config.h"
#include "mail/address.h"

/* For configure(): can each of them match anything (there are no wildcards)? 0, or -1 with err. */
int patterns_check_addresses(const struct config_array *patterns, const struct config *config, struct err *err);

/* The same for options that name domains only: "example.org", ".example.org". */
int patterns_check_domains(const struct config_array *patterns, const struct config *config, struct err *err);

/* The first pattern that matches; NULL: none does. */
const char *patterns_match(const struct config_array *patterns, const struct address *address);

/* `domain`: lower-case A-labels without a final dot. */
const char *patterns_match_domain(const struct config_array *patterns, const char *domain);

#endif
