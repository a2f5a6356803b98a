/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/answer.h"

#include <string.h>

/* Where in the copy is what `old` points to in the block? */
static const void *moved(void *memory, const struct answer_block *block, const void *old)
{
	if (old == NULL)
		return NULL;
	return (const char *)memory + ((const char *)old - (const char *)block->answer);
}

struct dns_answer *answer_copy(void *memory, const struct answer_block *block)
{
	struct dns_answer *answer = memory;

	memcpy(memory, block->answer, block->octets);
	struct dns_record *records = (struct dns_record *)(answer + 1);
	for (size_t i = 0; i < answer->n_records; i++) {
		struct dns_record *record = &records[i];
		record->name = moved(memory, block, record->name);
		record->data = moved(memory, block, record->data);
		record->string_octets = moved(memory, block, record->string_octets);
	}
	answer->canonical = moved(memory, block, answer->canonical);
	answer->records = answer->n_records != 0 ? records : NULL;
	return answer;
}
