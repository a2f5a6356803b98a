/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta_internal - what mta.c (the session) and smfi.c (libmilter's functions) share; for nobody else.
 */
#ifndef MAILREEVE_TESTS_FUZZ_MTA_INTERNAL_H
#define MAILREEVE_TESTS_FUZZ_MTA_INTERNAL_H

#include <libmilter/mfapi.h>

#include "mta.h"

#define MACRO_SIZE 64

/* How far the session has come; what follows a stage is libmilter's table of states. */
enum state { NEGOTIATED, CONNECTED, IN_MAIL, IN_RCPT, IN_HEADER, IN_BODY };

struct macro {
	char name[MACRO_SIZE];
	char *value;
};

/* Fields of one name in the message at hand. */
struct field_count {
	char *name;
	unsigned seen, removed, last_removed;
};

struct smfi_str {
	void *priv;
	struct smfiDesc filter;
	enum state state;
	unsigned long actions, protocol; /* as negotiated */
	bool monitor;
	bool fails;         /* libmilter takes nothing: the MTA has gone, say */
	bool authenticated; /* the message's sender, a user of our own */
	struct macro macros[MTA_MACROS_MAX];
	unsigned n_accepted; /* recipients of the message */
	bool skipped;        /* no more of the body is wanted */
	/* the message's fields */
	struct field_count names[MTA_NAMES_MAX];
	size_t n_names;
	bool counted_all; /* no more distinct names than MTA_NAMES_MAX */
	/* what the callback at hand has done */
	bool in_end_of_message;
	unsigned n_replies, n_holds;
	char class; /* of the reply */
};

/* What was registered: libmilter knows one filter in a process. */
struct smfiDesc mta_filter(void);

/* The fields of this name; NULL: there are none. */
struct field_count *mta_count(struct smfi_str *mta, const char *name);

#endif
