/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_settings - the options of the check spf.
 */
#ifndef MAILREEVE_CHECKS_SPF_SETTINGS_H
#define MAILREEVE_CHECKS_SPF_SETTINGS_H

#include <stdbool.h>

#include "config/schema.h"

struct spf_settings {
	bool helo, guess, explanation;
	int void_max, queries_max;
	int wide_addresses, wide_prefix6;
};

extern const struct config_row spf_options[7];

#endif
