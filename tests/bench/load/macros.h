/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * macros - what an MTA tells beside each command, as Postfix does: the filter's list for the stage, else its own.
 *
 * Threads: a plan is made once and then read. Values point to texts of the session.
 */
#ifndef MAILREEVE_LOAD_MACROS_H
#define MAILREEVE_LOAD_MACROS_H

#include "filter.h"

enum macro {
	MACRO_J,
	MACRO_V,
	MACRO_DAEMON_NAME,
	MACRO_DAEMON_ADDR,
	MACRO_CLIENT, /* _ */
	MACRO_CLIENT_NAME,
	MACRO_CLIENT_ADDR,
	MACRO_CLIENT_PTR,
	MACRO_CLIENT_PORT,
	MACRO_CLIENT_RESOLVE,
	MACRO_I,
	MACRO_MAIL_ADDR,
	MACRO_MAIL_HOST,
	MACRO_MAIL_MAILER,
	MACRO_RCPT_ADDR,
	MACRO_RCPT_HOST,
	MACRO_RCPT_MAILER,
	MACROS
};

struct macro_values {
	const char *text[MACROS]; /* NULL: not known now, and not sent */
};

/* What was negotiated, with the macros of each stage looked up. */
struct macro_plan {
	struct filter_terms terms;
	size_t n[SYMBOL_STAGES];
	enum macro macros[SYMBOL_STAGES][MACROS];
};

void macro_plan_make(struct macro_plan *plan);

/* The macro packet that precedes `command`; as with Postfix it comes where there is nothing to tell, too. */
void macro_send(struct wire_out *out, const struct macro_plan *plan, enum symbol_stage stage, char command,
                const struct macro_values *values);

#endif
