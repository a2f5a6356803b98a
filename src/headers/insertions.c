/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insertions - which fields a message gets, and in which order.
 */
#include "headers/headers.h"

struct inserter {
	void (*insert)(void *context, const char *name, const char *value);
	void *context;
};

static void insert_unless_empty(const struct inserter *inserter, const char *name, const char *value)
{
	if (*value)
		inserter->insert(inserter->context, name, value);
}

static void insert_received_spf(const struct inserter *inserter, const struct engine_session *session,
                                enum spf_identity identity)
{
	char memory[HEADER_VALUE_MAX];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	headers_received_spf(&value, identity, session);
	insert_unless_empty(inserter, "Received-SPF", memory);
}

static void insert_x_spam(const struct inserter *inserter, const struct engine *engine,
                          const struct engine_session *session, const struct decision *decision)
{
	struct header_spam spam;

	headers_x_spam(&spam, engine, session, decision);
	insert_unless_empty(inserter, "X-Spam-Status", spam.status);
	insert_unless_empty(inserter, "X-Spam-Level", spam.level);
	insert_unless_empty(inserter, "X-Spam-Score", spam.score);
	insert_unless_empty(inserter, "X-Spam-Flag", spam.flag);
}

static void insert_authentication_results(const struct inserter *inserter, const char *authserv_id,
                                          const struct engine *engine, const struct engine_session *session)
{
	char memory[HEADER_VALUE_MAX];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	headers_authentication_results(&value, authserv_id, engine, session);
	insert_unless_empty(inserter, "Authentication-Results", memory);
}

void headers_each_insertion(const struct headers_settings *settings, const struct header_scan *scan,
                            const struct engine *engine, const struct engine_session *session,
                            const struct decision *decision,
                            void (*insert)(void *context, const char *name, const char *value), void *context)
{
	const struct inserter inserter = { insert, context };

	/* As a trace field it stands next to our MTA's Received. */
	if (settings->received_spf) {
		insert_received_spf(&inserter, session, SPF_HELO);
		insert_received_spf(&inserter, session, SPF_MAIL_FROM);
	}
	if (settings->x_spam)
		insert_x_spam(&inserter, engine, session, decision);
	if (settings->authentication_results && scan)
		insert_authentication_results(&inserter, header_scan_authserv_id(scan), engine, session);
}
