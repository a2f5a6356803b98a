/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc - fuzz target: DMARC policy records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmarc/record.h"
#include "fuzz.h"

/* A record that says the same in as many words as there are. */
static int print_record(char *text, size_t size, const struct dmarc_record *record)
{
	static const char *const psd[] = { [DMARC_PSD_UNKNOWN] = "u", [DMARC_PSD_YES] = "y", [DMARC_PSD_NO] = "n" };

	return snprintf(text, size, "v=DMARC1; p=%s; sp=%s; np=%s; psd=%s; adkim=%c; aspf=%c; t=%c",
	                dmarc_policy_name(record->p), dmarc_policy_name(record->sp), dmarc_policy_name(record->np),
	                psd[record->psd], record->strict_dkim ? 's' : 'r', record->strict_spf ? 's' : 'r',
	                record->testing ? 'y' : 'n');
}

void fuzz_dmarc_record(const uint8_t *octets, size_t length)
{
	struct dmarc_record record = { .problem = NULL }, again = { .problem = NULL };
	char text[256];

	if (!dmarc_is_record(octets, length))
		return;
	dmarc_record_parse(&record, octets, length);
	FUZZ_CHECK(record.p <= DMARC_POLICY_REJECT && record.sp <= DMARC_POLICY_REJECT);
	FUZZ_CHECK(record.problem && fuzz_is_printable(record.problem));
	FUZZ_CHECK(record.usable || record.problem[0] != '\0');
	if (!record.usable)
		return;
	const int n = print_record(text, sizeof(text), &record);
	uint8_t *copy = fuzz_copy((const uint8_t *)text, (size_t)n);
	FUZZ_CHECK(dmarc_is_record(copy, (size_t)n));
	dmarc_record_parse(&again, copy, (size_t)n);
	FUZZ_CHECK(again.usable && again.p == record.p && again.sp == record.sp && again.np == record.np);
	FUZZ_CHECK(again.psd == record.psd && again.testing == record.testing);
	FUZZ_CHECK(again.strict_dkim == record.strict_dkim && again.strict_spf == record.strict_spf);
	/* t=y makes it milder, never more severe. */
	FUZZ_CHECK(dmarc_softened(record.p) <= record.p);
	free(copy);
}
