/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/pra.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "mail/address.h"
#include "mail/author.h"
#include "mail/cfws.h"

#define SEVERAL 2

static const char *const fields[PRA_FIELDS] = {
	[PRA_RESENT_SENDER] = "Resent-Sender",
	[PRA_RESENT_FROM] = "Resent-From",
	[PRA_SENDER] = "Sender",
	[PRA_FROM] = "From",
};

/* What a server writes above a message when it takes it: between two of them lies what one hop has added. */
static const char *const traces[] = { "Received", "Return-Path" };

void pra_open(struct pra *pra, struct arena *arena)
{
	*pra = (struct pra){ .arena = arena };
}

static bool is_blank(const char *value)
{
	while (cfws_is_space(*value))
		value++;
	return *value == '\0';
}

/* White space before the colon is obsolete, but makes no other name (RFC 5322 4.5). */
static bool is_field(const char *name, const char *wanted)
{
	const size_t octets = strlen(wanted);

	return strncasecmp(name, wanted, octets) == 0 && is_blank(name + octets);
}

static bool is_trace(const char *name)
{
	for (size_t i = 0; i < COUNT(traces); i++) {
		if (is_field(name, traces[i]))
			return true;
	}
	return false;
}

/* One octet more than is read of a field shows that it was too long. */
static void keep(struct pra *pra, size_t field, const char *value)
{
	if (!arena_full(pra->arena))
		pra->values[field] = arena_copy(pra->arena, value, strnlen(value, AUTHOR_OCTETS_MAX + 1));
}

static void take(struct pra *pra, size_t field, const char *value)
{
	if (pra->counts[field] == 0) {
		keep(pra, field, value);
		if (field == PRA_RESENT_SENDER)
			pra->resent_sender_is_older = pra->trace;
	}
	if (pra->counts[field] < SEVERAL)
		pra->counts[field]++;
}

void pra_add(struct pra *pra, const char *name, const char *value)
{
	size_t field = 0;

	while (field < PRA_FIELDS && !is_field(name, fields[field]))
		field++;
	if (field < PRA_FIELDS && !is_blank(value))
		take(pra, field, value);
	else if (pra->counts[PRA_RESENT_FROM] > 0 && !pra->trace && is_trace(name) && !is_blank(value))
		pra->trace = true;
}

/* RFC 4407 2, steps 1 to 4. PRA_FIELDS: there is none of them. */
static enum pra_field choose(const struct pra *pra)
{
	if (pra->counts[PRA_RESENT_SENDER] > 0 && !pra->resent_sender_is_older)
		return PRA_RESENT_SENDER;
	if (pra->counts[PRA_RESENT_FROM] > 0)
		return PRA_RESENT_FROM;
	if (pra->counts[PRA_SENDER] > 0)
		return PRA_SENDER;
	return pra->counts[PRA_FROM] > 0 ? PRA_FROM : PRA_FIELDS;
}

/* Several Resent- fields are those of several hops, of which the first was the last. */
static bool must_be_alone(enum pra_field field)
{
	return field == PRA_SENDER || field == PRA_FROM;
}

/* Step 5: what is wrong with the field; "": nothing. */
static const char *fault_of(const struct author *author)
{
	const struct author_address *address = &author->addresses[0];

	if (!author->valid)
		return "malformed";
	if (author->n_found == 0)
		return "no address";
	if (author->n_found > 1)
		return "several addresses";
	if (address->domain[0] == '[')
		return "no domain name";
	return strlen(address->local) > ADDRESS_OCTETS_MAX ? "malformed" : "";
}

static void read_field(const struct pra *pra, enum pra_field field, struct pra_result *result)
{
	struct author author;

	author_parse(&author, pra->values[field], pra->arena);
	result->why = fault_of(&author);
	if (result->why[0] != '\0')
		return;
	result->state = PRA_FOUND;
	result->local = author.addresses[0].local;
	result->domain = author.addresses[0].domain;
}

void pra_find(const struct pra *pra, struct pra_result *result)
{
	const enum pra_field field = choose(pra);

	*result = (struct pra_result){ .state = PRA_NONE, .field = "", .why = "missing", .local = "", .domain = "" };
	if (field == PRA_FIELDS)
		return;
	result->field = fields[field];
	if (must_be_alone(field) && pra->counts[field] == SEVERAL) {
		result->why = "several fields";
	} else if (pra->values[field] == NULL) {
		result->state = PRA_UNSURE;
		result->why = "";
	} else {
		read_field(pra, field, result);
	}
}
