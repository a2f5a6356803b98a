/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsbl_settings - the options of the check dnsbl, and the lists that are made of them.
 *
 * Threads: made by one thread before any session, immutable afterwards.
 */
#ifndef MAILREEVE_CHECKS_DNSBL_SETTINGS_H
#define MAILREEVE_CHECKS_DNSBL_SETTINGS_H

#include "checks/dnsbl_list.h"
#include "config/config.h"

struct dnsbl_settings {
	struct config_array lists; /* as configured */
	struct dnsbl_list *list;   /* as used, in the same order; dnsbl_configure() to dnsbl_release() */
	size_t n_lists;
};

extern const struct config_row dnsbl_options[1];

/*
 * Check the lists and make them; add the facts "dnsbl.LIST.CODE" and "dnsbl.LIST.unsure" of every list, also of those
 * that are switched off: rules and groups that name them stay right. 0, or -1 with err: nothing is left to release.
 */
int dnsbl_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err);
void dnsbl_release(void *settings);

#endif
