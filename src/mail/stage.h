/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage - how far the SMTP conversation has come.
 */
#ifndef MAILREEVE_MAIL_STAGE_H
#define MAILREEVE_MAIL_STAGE_H

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_HEADERS,
	STAGE_EOM, /* end of message */
};
#define STAGES 6

/* "connect", "helo", "mail", "rcpt", "headers", "eom": as the log line and the option decide_from spell it. */
const char *stage_name(enum stage stage);

#endif
