/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/stage.h"

#include <stddef.h>

#include "base/base.h"

static const char *const names[STAGES] = {
	[STAGE_CONNECT] = "connect", [STAGE_HELO] = "helo",       [STAGE_MAIL] = "mail",
	[STAGE_RCPT] = "rcpt",       [STAGE_HEADERS] = "headers", [STAGE_EOM] = "eom",
};

const char *stage_name(enum stage stage)
{
	return (size_t)stage < COUNT(names) ? names[stage] : "unknown";
}
