/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_records - the short form of a zone file, as collections of signed mail have it beside each message.
 *
 * Threads: one thread uses it. Owns: its records; answers live in the arena of tool_records_ask().
 *
 * Lines of `name TAB TXT TAB text` and `name TAB RCODE TAB word`, the word one of NXDOMAIN, NODATA, SERVFAIL, TIMEOUT.
 * The text is all of the record, with no quotes and no escapes. Lines that begin with ';' or '#' are comments. What is
 * in no line does not exist. Names outside of ASCII are looked up as A-labels.
 */
#ifndef MAILREEVE_TOOLS_CHECK_RECORDS_H
#define MAILREEVE_TOOLS_CHECK_RECORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "dns/dns.h"

#define TOOL_RECORDS_OCTETS_MAX (16UL * 1024 * 1024)

struct tool_records;

/*
 * Is this file of that form? Its first line that says anything tells: a text in quotes, or a fault with an exclamation
 * mark, is the long form. False, too, where it cannot be read: its reader will say why.
 */
bool tool_records_are_in(const char *path);

/* NULL with err, which names file and line. */
struct tool_records *tool_records_open(const char *path, struct err *err);
void tool_records_close(struct tool_records **records);

/* The answer, at once. */
const struct dns_answer *tool_records_ask(const struct tool_records *records, const char *name, enum dns_type type,
                                          struct arena *arena);

#endif
