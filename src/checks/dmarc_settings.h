/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_settings - the options of the check dmarc, and who is excused by them.
 *
 * Threads: immutable once configured.
 */
#ifndef MAILREEVE_CHECKS_DMARC_SETTINGS_H
#define MAILREEVE_CHECKS_DMARC_SETTINGS_H

#include <stdbool.h>

#include "base/ip.h"
#include "config/config.h"
#include "dmarc/dmarc.h"
#include "evidence/fact.h"

struct dmarc_settings {
	struct config_array trusted_forwarders; /* struct net */
	struct config_array mailing_lists;      /* domain names */
	bool psl_check;
};

extern const struct config_row dmarc_options[3];

/* For struct check: are the entries what can ever match? */
int dmarc_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err);

/*
 * Does the mail come from a forwarder or a mailing list that the administrator trusts? A list is one of the
 * authenticated domains, or above it. Returns the entry as text (`net`: room for NET_TEXT_MAX), NULL: it does not.
 */
const char *dmarc_excuse(const struct dmarc_settings *settings, const struct ip *client,
                         const struct dmarc_identifier *identifiers, size_t n, char *net);

/* Is `domain` this name or below it? Both lower-case. */
bool dmarc_is_below(const char *domain, const char *name);

#endif
