/* SPDX-License-Identifier: BSD-2-Clause */
#include "macros.h"

#include <string.h>

static const char *const names[MACROS] = {
	[MACRO_J] = "j",
	[MACRO_V] = "v",
	[MACRO_DAEMON_NAME] = "{daemon_name}",
	[MACRO_DAEMON_ADDR] = "{daemon_addr}",
	[MACRO_CLIENT] = "_",
	[MACRO_CLIENT_NAME] = "{client_name}",
	[MACRO_CLIENT_ADDR] = "{client_addr}",
	[MACRO_CLIENT_PTR] = "{client_ptr}",
	[MACRO_CLIENT_PORT] = "{client_port}",
	[MACRO_CLIENT_RESOLVE] = "{client_resolve}",
	[MACRO_I] = "i",
	[MACRO_MAIL_ADDR] = "{mail_addr}",
	[MACRO_MAIL_HOST] = "{mail_host}",
	[MACRO_MAIL_MAILER] = "{mail_mailer}",
	[MACRO_RCPT_ADDR] = "{rcpt_addr}",
	[MACRO_RCPT_HOST] = "{rcpt_host}",
	[MACRO_RCPT_MAILER] = "{rcpt_mailer}",
};

/* Postfix's lists, without what it has only behind TLS and AUTH. */
static const char *const defaults[SYMBOL_STAGES] = {
	[SYMBOLS_CONNECT] = "j {daemon_name} {daemon_addr} v _",
	[SYMBOLS_HELO] = "",
	[SYMBOLS_MAIL] = "{mail_addr} {mail_host} {mail_mailer}",
	[SYMBOLS_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	[SYMBOLS_DATA] = "i",
	[SYMBOLS_EOM] = "i",
	[SYMBOLS_EOH] = "i",
};

static void plan_stage(struct macro_plan *plan, int stage, const char *list)
{
	while (*list) {
		const size_t length = strcspn(list, " ,");
		for (int i = 0; i < MACROS && plan->n[stage] < MACROS; i++) {
			if (strlen(names[i]) == length && memcmp(names[i], list, length) == 0)
				plan->macros[stage][plan->n[stage]++] = (enum macro)i;
		}
		list += length;
		list += strspn(list, " ,");
	}
}

void macro_plan_make(struct macro_plan *plan)
{
	for (int i = 0; i < SYMBOL_STAGES; i++) {
		plan->n[i] = 0;
		/* An empty list counts as none, as with Postfix. */
		plan_stage(plan, i, plan->terms.symbols[i][0] ? plan->terms.symbols[i] : defaults[i]);
	}
}

void macro_send(struct wire_out *out, const struct macro_plan *plan, enum symbol_stage stage, char command,
                const struct macro_values *values)
{
	wire_begin(out, 'D');
	wire_add(out, &command, 1);
	for (size_t i = 0; i < plan->n[stage]; i++) {
		const enum macro macro = plan->macros[stage][i];
		if (!values->text[macro])
			continue;
		wire_add_text(out, names[macro]);
		wire_add_text(out, values->text[macro]);
	}
	wire_end(out);
}
