/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idn - domains in both of their spellings (RFC 5890): U-labels as people write them, A-labels as DNS carries them.
 */
#ifndef MAILREEVE_MAIL_IDN_H
#define MAILREEVE_MAIL_IDN_H

#include <stdbool.h>

#define IDN_DOMAIN_OCTETS_MAX 254

/*
 * The domain in A-labels, lower-case, without a final dot. False: it has no such form (then `ascii` holds it as it
 * came, cut and lower-cased), which is no error for those who only compare.
 */
bool idn_to_ascii(const char *domain, char ascii[IDN_DOMAIN_OCTETS_MAX]);

/* The same domain, whatever the case and the spelling? */
bool idn_equal(const char *a, const char *b);

#endif
