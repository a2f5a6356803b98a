/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * macro - RFC 7208 section 7: macro strings checked and expanded.
 *
 * Threads: pure. Owns nothing. Nothing a stranger wrote can make the result longer than the caller's buffer.
 */
#ifndef MAILREEVE_SPF_MACRO_H
#define MAILREEVE_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/strbuf.h"
#include "dns/dns.h"

#define SPF_DOMAIN_OCTETS_MAX 253
#define SPF_NO_NAME           ".." /* cannot exist; "" and "." would be the root */

/*
 * The values behind the letters. Any of them may be a stranger's and contain any octet; NULL is "". `domain` and the
 * validated name are names in presentation form (dns.h): in a name their escapes are undone, in a text they stay.
 */
struct spf_macros {
	struct ip client;
	const char *local, *sender_domain; /* of the sender; local is never empty ("postmaster") */
	const char *domain;                /* the current one: %{d} */
	const char *helo, *receiver;       /* receiver "": "unknown" */
	uint64_t now_s;
	/*
	 * The validated name of the client for %{p} (RFC 7208 5.5, 7.3): called only when the letter occurs. Returns
	 * the name, "unknown", or NULL: not known yet, the expansion is to be given up. No function: "unknown".
	 */
	const char *(*validated_name)(void *context);
	void *context;
};

/*
 * Check a macro-string's syntax (RFC 7208 7.1); `text` need not be terminated. `domain_spec`: the letters c, r and t
 * are errors, and its end must be a toplabel or a macro-expand (7.1, "domain-end"); else it is an explanation, where
 * spaces are allowed. 0, or -1 with the error in words added to `problem`, its quotations cut and cleaned, for example
 *   there is no macro letter "z"
 *   "%{d" has no "}"
 *   "%x" is none of "%{", "%%", "%_", "%-"
 *   "foo" does not end in a top-level label: there is no dot before its last label
 */
int spf_macro_check(const char *text, size_t length, bool domain_spec, struct strbuf *problem);

/* Does the (checked) text use this letter, in either case? */
bool spf_macro_uses(const char *text, char letter);

enum spf_expansion { SPF_EXPANDED, SPF_EXPANSION_WAITS };

/*
 * Expand a checked domain-spec into a name in presentation form (dns.h): octets that are not printable ASCII, the
 * space and '\\' are \DDD, dots separate labels, a final dot is left out. Above 253 octets (as octets, not as they are
 * written) labels are dropped from the left (7.3). A name that cannot exist (an empty label, a label over 63 octets) is
 * given all the same, and SPF_NO_NAME when nothing is left: asking DNS for it is answered with DNS_WHY_BAD_NAME. ""
 * while it waits. Needs no memory but `name` and a fixed buffer, however long the expansion would be.
 */
enum spf_expansion spf_macro_domain(const char *spec, const struct spf_macros *macros, char name[DNS_NAME_TEXT_MAX]);

/*
 * Expand a checked explanation, and add it to `result`, which is cut at its size. Nothing in it is trusted: it may
 * contain whatever the sender's address contains. While it waits, `result` holds a part of it.
 */
enum spf_expansion spf_macro_text(const char *text, const struct spf_macros *macros, struct strbuf *result);

#endif
