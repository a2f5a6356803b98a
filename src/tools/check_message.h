/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_message - a message in a file, taken apart as an MTA hands it to a milter: header fields, then the body in
 * pieces.
 *
 * Threads: one thread uses it. Owns: its file, and what it gives, which is valid until the next call.
 * Lines may end in CRLF or LF. A file without any CRLF was made by a system with LF: its line ends become CRLF. In
 * a file with CRLF a bare LF still ends a header line, as it does for an MTA, but stays what it is in the body.
 */
#ifndef MAILREEVE_TOOLS_CHECK_MESSAGE_H
#define MAILREEVE_TOOLS_CHECK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dkim/dkim.h"

#define TOOL_FIELD_OCTETS_MAX (DKIM_HEADER_OCTETS_MAX + 1) /* what is more of a field is dropped: it fails anyway */

/* What an MTA would not have handed on like this; shown to people. */
struct tool_message_notes {
	bool lf;       /* line ends were LF, and have become CRLF */
	bool mbox;     /* the first line was that of a mailbox ("From ..."), and was dropped */
	bool nul;      /* the header had NUL octets, which have become octets 1 */
	bool cut;      /* a field was too long, and was cut */
	bool no_blank; /* no blank line ends the header: it ends before what is no header field, or with the file */
};

struct tool_message;

/* "-" is standard input. NULL with err: it cannot be read. */
struct tool_message *tool_message_open(const char *path, struct err *err);
void tool_message_close(struct tool_message **message);

/*
 * The next header field: its name, and what follows the colon, without the final line end, folded lines separated
 * by "\r\n". 1; 0: the header has ended; -1 with err: it cannot be read.
 */
int tool_message_field(struct tool_message *message, const char **name, const char **value, struct err *err);

/* The next octets of the body. Their number; 0: it has ended; -1 with err. */
long tool_message_body(struct tool_message *message, const uint8_t **octets, struct err *err);

/* The body from its beginning again; the header must have been read. 0, or -1 with err. */
int tool_message_rewind(struct tool_message *message, struct err *err);

const struct tool_message_notes *tool_message_notes(const struct tool_message *message);

#endif
