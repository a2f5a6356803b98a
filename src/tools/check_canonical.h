/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_canonical - the canonical form of a body (RFC 6376 3.4.3, 3.4.4) as text for people.
 *
 * Threads: one thread uses it. Owns: what it shows lives in the arena.
 * It is no part of the verification, which keeps no body: it works by the octet, and is shown only where it has the
 * hash that dkim/body found.
 */
#ifndef MAILREEVE_TOOLS_CHECK_CANONICAL_H
#define MAILREEVE_TOOLS_CHECK_CANONICAL_H

#include "dkim/body.h"
#include "tools/check_message.h"

#define TOOL_CANONICAL_OCTETS_MAX 65536 /* of a body that are shown */

/*
 * The canonical body from the message, from its beginning again, as `signature` has it hashed: printable ASCII but for
 * line ends, cut. NULL without err: it has not got the hash of `wanted`; with err: the message cannot be read.
 */
const char *tool_canonical_body(struct tool_message *message, const struct dkim_signature *signature,
                                const struct dkim_body_result *wanted, struct arena *arena, struct err *err);

#endif
