/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_dkim - mailreeve-check --dkim: the signatures of one message, what each covers, which key was asked for, and
 * what DMARC makes of them.
 *
 * Threads: one thread uses it. Owns nothing: all lives in the arena of the run.
 */
#ifndef MAILREEVE_TOOLS_CHECK_DKIM_H
#define MAILREEVE_TOOLS_CHECK_DKIM_H

#include <stdio.h>

#include "base/err.h"
#include "dkim/body.h"
#include "dkim/canonical.h"
#include "tools/check_dmarc.h"
#include "tools/check_message.h"
#include "tools/check_options.h"

/* A signature, beside what the verification says. */
struct dkim_story {
	const struct dkim_result *result;
	const struct dkim_signature *signature; /* NULL: it is malformed, nothing more is known */
	bool has_fields;                        /* its own field was kept; covered counts */
	const size_t *covered;                  /* the fields that it covers, in the order of h= */
	size_t n_covered;
	const char *key_name;            /* that was asked for; "": none was */
	const struct dns_answer *answer; /* NULL: nothing has come */
	bool has_body;                   /* its body hash was computed */
	struct dkim_body_result body;
	bool body_matches;
	bool aligned;
	const char *canonical_header, *canonical_body; /* with --canonical, where they can be shown; else NULL */
	const char *hint;                              /* what may have happened, for people; "" */
};

struct dkim_report {
	const struct tool_options *options;
	const struct tool_message_notes *notes;
	uint64_t now_s;
	const struct dkim_field *fields;
	size_t n_fields, n_found; /* header fields; signatures in all */
	bool damaged;             /* bare CR, bare LF or NUL in the body */
	struct dkim_story *stories;
	size_t n;
	const struct spf_result *spf; /* NULL: not asked for */
	const struct tool_dmarc *dmarc;
};

/* The mode: verify, print to `out`. Anything but TOOL_DONE comes with err. */
enum tool_exit tool_dkim(const struct tool_options *options, FILE *out, struct err *err);

/* What may have happened to the signature. */
const char *dkim_story_hint(const struct dkim_story *story, const struct dkim_report *report);

/* The same for people, who see nothing raw, and as one JSON object. 0, or -1: it cannot be written. */
int dkim_report_print(const struct dkim_report *report, FILE *out);
int dkim_report_print_json(const struct dkim_report *report, FILE *out);

/* The words of a set of enum dkim_trait, one after the other: begin with *offset 0. NULL: there are no more. */
const char *dkim_trait_next(unsigned traits, size_t *offset);

/* The next thing to be said of the message's form; as dkim_trait_next(). */
const char *dkim_note_next(const struct dkim_report *report, size_t *offset);

/* Is the i-th name of h= one of a field that is there? Begin with *covered 0. */
bool dkim_story_is_there(const struct dkim_story *story, const struct dkim_field *fields, size_t i, size_t *covered);

#endif
