/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter.h"

#include <ctype.h>
#include <string.h>

#include "base/base.h"

/* No actions or no protocol offered means those of version 1. */
#define V1_ACTIONS  0x0fU
#define V1_PROTOCOL 0x3fU

/* ---- negotiation ---- */

static int read_symbols(struct filter_terms *terms, const uint8_t *data, size_t length, struct err *err)
{
	while (length) {
		const uint8_t *end = length > 4 ? memchr(data + 4, 0, length - 4) : NULL;
		if (!end)
			return err_set(err, "a list of macros without its end");
		const uint32_t stage = wire_u32(data);
		const size_t octets = (size_t)(end - data) - 4;
		if (stage >= SYMBOL_STAGES || octets >= SYMBOLS_MAX)
			return err_set(err, "a list of %zu octets of macros for stage %u", octets, stage);
		memcpy(terms->symbols[stage], data + 4, octets + 1);
		terms->listed[stage] = true;
		length -= octets + 5;
		data = end + 1;
	}
	return 0;
}

int filter_read_terms(struct filter_terms *terms, const struct filter_terms *offered, const struct wire_packet *packet,
                      struct err *err)
{
	const uint32_t actions = offered->actions ? offered->actions : V1_ACTIONS;
	const uint32_t protocol = offered->protocol ? offered->protocol : V1_PROTOCOL;

	memset(terms, 0, sizeof(*terms));
	if (packet->command != 'O' || packet->length < 12)
		return err_set(err, "the negotiation is answered with packet 0x%02x of %zu octets", packet->command,
		               packet->length);
	terms->version = wire_u32(packet->data);
	terms->actions = wire_u32(packet->data + 4);
	terms->protocol = wire_u32(packet->data + 8);
	if (terms->version < 2 || terms->version > offered->version)
		return err_set(err, "version %u, and %u was offered", terms->version, offered->version);
	if (terms->actions & ~actions || terms->protocol & ~protocol)
		return err_set(err, "actions %#x of %#x, protocol %#x of %#x: more than was offered", terms->actions,
		               actions, terms->protocol, protocol);
	if (read_symbols(terms, packet->data + 12, packet->length - 12, err))
		return -1;
	for (int i = 0; i < SYMBOL_STAGES; i++) {
		if (terms->listed[i] && !(actions & ACT_SETSYMLIST))
			return err_set(err, "lists of macros although they were not offered");
	}
	return 0;
}

bool filter_same_terms(const struct filter_terms *a, const struct filter_terms *b)
{
	if (a->version != b->version || a->actions != b->actions || a->protocol != b->protocol)
		return false;
	for (int i = 0; i < SYMBOL_STAGES; i++) {
		if (a->listed[i] != b->listed[i] || strcmp(a->symbols[i], b->symbols[i]) != 0)
			return false;
	}
	return true;
}

/* ---- changes ---- */

static const struct change {
	uint8_t command;
	uint8_t number; /* octets of a number before the texts */
	uint8_t texts_min, texts_max;
	uint32_t actions;
} changes[] = {
	{ 'h', 0, 2, 2, ACT_ADDHDRS }, { 'i', 4, 2, 2, ACT_ADDHDRS },     { 'm', 4, 2, 2, ACT_CHGHDRS },
	{ '+', 0, 1, 1, ACT_ADDRCPT }, { '2', 0, 1, 2, ACT_ADDRCPT_PAR }, { '-', 0, 1, 1, ACT_DELRCPT },
	{ 'e', 0, 1, 2, ACT_CHGFROM }, { 'q', 0, 1, 1, ACT_QUARANTINE },  { 'b', 0, 0, 0, ACT_CHGBODY },
};

static size_t count_texts(const uint8_t *data, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		n += data[i] == 0;
	return length && data[length - 1] != 0 ? 0 : n;
}

static enum filter_reply read_change(const struct change *change, const struct wire_packet *packet,
                                     enum load_stage stage, const struct filter_terms *terms, struct err *err)
{
	if (stage != LOAD_EOM) {
		err_set(err, "change '%c' at %s: only the end of a message has changes", change->command,
		        load_stage_name(stage));
		return REPLY_BROKEN;
	}
	if (!(terms->actions & change->actions)) {
		err_set(err, "change '%c', which was not negotiated", change->command);
		return REPLY_BROKEN;
	}
	const size_t texts = packet->length < change->number
	                             ? 0
	                             : count_texts(packet->data + change->number, packet->length - change->number);
	if (change->texts_max && (texts < change->texts_min || texts > change->texts_max)) {
		err_set(err, "change '%c' with %zu octets and %zu texts", change->command, packet->length, texts);
		return REPLY_BROKEN;
	}
	return change->command == 'q' ? REPLY_QUARANTINE : REPLY_CHANGE;
}

/* ---- replies ---- */

static const struct {
	uint8_t command;
	enum filter_reply reply;
} finals[] = {
	{ 'p', REPLY_PROGRESS }, { 'c', REPLY_CONTINUE }, { 'a', REPLY_ACCEPT },
	{ 'r', REPLY_REJECT },   { 't', REPLY_TEMPFAIL }, { 'd', REPLY_DISCARD },
	{ 's', REPLY_SKIP },     { '4', REPLY_TEMPFAIL }, { 'f', REPLY_TEMPFAIL },
};

static enum filter_reply read_code(const struct wire_packet *packet, struct err *err)
{
	const uint8_t *text = packet->data;
	const size_t n = packet->length;

	if (n < 5 || memchr(text, 0, n) != text + n - 1 || (text[0] != '4' && text[0] != '5') || !isdigit(text[1]) ||
	    !isdigit(text[2]) || (text[3] != ' ' && text[3] != '-')) {
		err_set(err, "a reply of %zu octets that is no SMTP reply", n);
		return REPLY_BROKEN;
	}
	return text[0] == '4' ? REPLY_TEMPFAIL : REPLY_REJECT;
}

static enum filter_reply read_final(const struct wire_packet *packet, enum filter_reply reply, enum load_stage stage,
                                    const struct filter_terms *terms, struct err *err)
{
	if (packet->length) {
		err_set(err, "reply '%c' with %zu octets of data", packet->command, packet->length);
		return REPLY_BROKEN;
	}
	if (reply == REPLY_SKIP && (stage != LOAD_BODY || !(terms->protocol & PROTO_SKIP))) {
		err_set(err, "skip at %s%s", load_stage_name(stage),
		        terms->protocol & PROTO_SKIP ? "" : ", which was not negotiated");
		return REPLY_BROKEN;
	}
	return reply;
}

enum filter_reply filter_read_reply(const struct wire_packet *packet, enum load_stage stage,
                                    const struct filter_terms *terms, struct err *err)
{
	if (packet->command == 'y')
		return read_code(packet, err);
	for (size_t i = 0; i < COUNT(finals); i++) {
		if (packet->command == finals[i].command)
			return read_final(packet, finals[i].reply, stage, terms, err);
	}
	for (size_t i = 0; i < COUNT(changes); i++) {
		if (packet->command == changes[i].command)
			return read_change(&changes[i], packet, stage, terms, err);
	}
	err_set(err, "packet 0x%02x of %zu octets at %s", packet->command, packet->length, load_stage_name(stage));
	return REPLY_BROKEN;
}
