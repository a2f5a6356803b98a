/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/check.h"

extern const struct check check_exempt, check_rdns, check_helo, check_greeting, check_spf, check_pra, check_dnsbl,
	check_dkim, check_dmarc, check_sender, check_recipient, check_format;

const struct check *const checks_table[] = {
	&check_exempt, &check_rdns,  &check_helo,   &check_greeting,  &check_spf,    &check_pra, &check_dnsbl,
	&check_dkim,   &check_dmarc, &check_sender, &check_recipient, &check_format, NULL,
};
