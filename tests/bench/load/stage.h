/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage - the steps of a session whose reply the MTA may have to wait for, and what can come out of one.
 */
#ifndef MAILREEVE_LOAD_STAGE_H
#define MAILREEVE_LOAD_STAGE_H

enum load_stage {
	LOAD_NEGOTIATE, /* with the connection of the socket */
	LOAD_CONNECT,
	LOAD_HELO,
	LOAD_MAIL,
	LOAD_RCPT,
	LOAD_DATA,
	LOAD_HEADER,
	LOAD_EOH,
	LOAD_BODY,
	LOAD_EOM,
	LOAD_STAGES
};

/* What became of a message. */
enum load_outcome {
	LOAD_ACCEPTED,
	LOAD_QUARANTINED,
	LOAD_REJECTED,
	LOAD_TEMPFAILED,
	LOAD_DISCARDED,
	LOAD_CUT,    /* by us, as asked */
	LOAD_FAILED, /* an error: connection, protocol or patience */
	LOAD_OUTCOMES
};

const char *load_stage_name(enum load_stage stage);
const char *load_outcome_name(enum load_outcome outcome);

/* LOAD_STAGES: there is no such stage. */
enum load_stage load_stage_parse(const char *name);

#endif
