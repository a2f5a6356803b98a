/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"

#include <string.h>

static const char *const stage_names[LOAD_STAGES] = {
	"negotiate", "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom",
};

static const char *const outcome_names[LOAD_OUTCOMES] = {
	"accepted", "quarantined", "rejected", "tempfailed", "discarded", "cut", "failed",
};

const char *load_stage_name(enum load_stage stage)
{
	return stage < LOAD_STAGES ? stage_names[stage] : "none";
}

const char *load_outcome_name(enum load_outcome outcome)
{
	return outcome_names[outcome];
}

enum load_stage load_stage_parse(const char *name)
{
	for (int i = 0; i < LOAD_STAGES; i++) {
		if (strcmp(name, stage_names[i]) == 0)
			return (enum load_stage)i;
	}
	return LOAD_STAGES;
}
