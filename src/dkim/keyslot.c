/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "dkim/verify_internal.h"
#include "mail/idn.h"

#define NAME_OCTETS_MAX (2 * IDN_DOMAIN_OCTETS_MAX)

static void settle(struct key_slot *slot, enum dkim_code code, const char *reason)
{
	slot->settled = true;
	slot->code = code;
	slot->reason = reason;
}

static void undo(void *context)
{
	struct key_slot *slot = context;

	dkim_key_release(slot->key);
	slot->key = NULL;
}

static void take_record(struct dkim *dkim, struct key_slot *slot, const struct dns_answer *answer)
{
	const struct dns_record *record = &answer->records[0];
	char memory[DKIM_REASON_OCTETS_MAX];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	strbuf_add(&problem, "the key record: ");
	slot->key = dkim_keys_get(dkim->service->keys, record->data, record->octets, answer->ttl_s, &problem);
	if (slot->key == NULL) {
		settle(slot, DKIM_PERMERROR, arena_strdup(dkim->arena, memory));
		return;
	}
	arena_defer(dkim->arena, undo, slot);
	settle(slot, DKIM_NONE, "");
	if (dkim_key_record(slot->key)->revoked) {
		settle(slot, DKIM_PERMERROR, "the key is revoked");
		slot->traits |= DKIM_TRAIT_REVOKED;
	}
}

/* RFC 6376 6.1.2. More than one record is undefined there; which is right cannot be known. */
static void take_answer(struct dkim *dkim, struct key_slot *slot, const struct dns_answer *answer)
{
	char reason[DKIM_REASON_OCTETS_MAX];

	if (answer->status == DNS_NONE) {
		settle(slot, DKIM_PERMERROR, "there is no key record");
		slot->traits |= DKIM_TRAIT_NO_KEY;
	} else if (answer->status == DNS_UNSURE) {
		snprintf(reason, sizeof(reason), "the key record could not be had: %s", dns_why_name(answer->why));
		settle(slot, DKIM_TEMPERROR, arena_strdup(dkim->arena, reason));
	} else if (answer->n_records != 1) {
		settle(slot, DKIM_PERMERROR, "there are several key records");
	} else {
		take_record(dkim, slot, answer);
	}
}

static void slot_ask(struct dkim *dkim, struct key_slot *slot)
{
	slot->question = dkim->asker.ask(dkim->asker.context, slot->name, DNS_TXT);
}

static void slot_step(struct dkim *dkim, struct key_slot *slot)
{
	const struct dns_answer *answer = NULL;

	if (slot->settled)
		return;
	if (slot->question == NULL)
		slot_ask(dkim, slot);
	if (slot->question != NULL && dkim->asker.poll(dkim->asker.context, slot->question, &answer) != DNS_PENDING &&
	    answer != NULL)
		take_answer(dkim, slot, answer);
}

struct key_slot *dkim_slot_find(struct dkim *dkim, const struct dkim_signature *signature)
{
	char name[NAME_OCTETS_MAX + sizeof("._domainkey.")];
	struct key_slot *slot;

	snprintf(name, sizeof(name), "%s._domainkey.%s", signature->selector, signature->domain);
	for (size_t i = 0; i < dkim->n_slots; i++) {
		if (strcmp(dkim->slots[i].name, name) == 0)
			return &dkim->slots[i];
	}
	slot = &dkim->slots[dkim->n_slots++]; /* there are as many as signatures that are checked */
	slot->name = arena_strdup(dkim->arena, name);
	slot_ask(dkim, slot);
	return slot;
}

void dkim_slots_step(struct dkim *dkim)
{
	for (size_t i = 0; i < dkim->n_slots; i++)
		slot_step(dkim, &dkim->slots[i]);
}

void dkim_slots_stop(struct dkim *dkim)
{
	dkim_slots_step(dkim);
	for (size_t i = 0; i < dkim->n_slots; i++) {
		struct key_slot *slot = &dkim->slots[i];
		if (!slot->settled)
			settle(slot, DKIM_TEMPERROR,
			       slot->question != NULL ? "the key record did not come in time"
			                              : "the key could not be asked for: too many questions");
	}
}
