/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands - what the MTA says at each stage, with its macros, as far as the filter wants to hear it.
 */
#ifndef MAILREEVE_LOAD_COMMANDS_H
#define MAILREEVE_LOAD_COMMANDS_H

#include "session.h"

/* Put the command of the session's stage into its buffer. True: a reply is due. */
bool commands_send(struct session *session, struct session_world *world);

/* Read the reply to the negotiation into session->plan. Returns 0 or -1. */
int commands_read_terms(struct session *session, struct session_world *world, const struct wire_packet *packet,
                        struct err *err);

/* Another client; another message's sender, recipients and begin. */
void commands_new_session(struct session *session, struct session_world *world);
void commands_new_message(struct session *session, struct session_world *world);

#endif
