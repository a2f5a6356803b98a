/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "config/config_private.h"

#define MASK            "***"
#define KEY_OCTETS_MIN  20
#define OCTET_LABEL_MAX 3 /* a label of an address: "113", "f" */

/* Services that give every customer a name of his own below these. */
static const char *const keyed_suffixes[] = { "dq.spamhaus.net", "mail.abusix.zone" };

/* Labels below them that are everybody's: the lists' names. */
static const char *const public_labels[] = {
	"zen",  "sbl",        "xbl",      "pbl",   "sbl-xbl",     "dbl",       "zrd",      "authbl",
	"hbl",  "abused-nrd", "combined", "black", "exploit",     "dynamic",   "policy",   "nod",
	"noip", "white",      "dblack",   "dnod",  "dblack-hash", "shorthash", "diskhash",
};

static size_t without_final_dot(const char *zone)
{
	size_t length = strlen(zone);

	return length > 0 && zone[length - 1] == '.' ? length - 1 : length;
}

/* How many octets of `zone` stand before a keyed suffix and its dot; 0: it has none. */
static size_t keyed_octets(const char *zone)
{
	size_t length = without_final_dot(zone);

	for (size_t i = 0; i < sizeof(keyed_suffixes) / sizeof(keyed_suffixes[0]); i++) {
		size_t suffix = strlen(keyed_suffixes[i]);

		if (length > suffix && zone[length - suffix - 1] == '.' &&
		    strncasecmp(zone + length - suffix, keyed_suffixes[i], suffix) == 0)
			return length - suffix - 1;
	}
	return 0;
}

static bool is_public(const char *label, size_t length)
{
	for (size_t i = 0; i < sizeof(public_labels) / sizeof(public_labels[0]); i++) {
		if (strlen(public_labels[i]) == length && strncasecmp(public_labels[i], label, length) == 0)
			return true;
	}
	return false;
}

static bool is_address_part(const char *label, size_t length)
{
	size_t digits = strspn(label, "0123456789");

	return length == 1 || (length <= OCTET_LABEL_MAX && digits >= length);
}

static bool is_key_like(const char *label, size_t length)
{
	size_t n = 0;

	while (n < length && isalnum((unsigned char)label[n]))
		n++;
	return n == length && length >= KEY_OCTETS_MIN;
}

const char *config_mask_zone(const char *zone, char *text, size_t size)
{
	size_t keyed = keyed_octets(zone), length;
	struct strbuf masked;

	if (size == 0)
		return "";
	strbuf_open(&masked, text, size);
	for (const char *label = zone; *label != '\0'; label += length) {
		size_t at = (size_t)(label - zone);

		length = strcspn(label, ".");
		if (is_key_like(label, length) ||
		    (at < keyed && length > 0 && !is_public(label, length) && !is_address_part(label, length)))
			strbuf_add(&masked, MASK);
		else
			strbuf_add_octets(&masked, label, length);
		if (label[length] == '.') {
			strbuf_add(&masked, ".");
			length++;
		}
	}
	return text;
}

bool value_is_keyed_zone(const struct config_row *row, const void *address)
{
	char masked[CONFIG_STRING_OCTETS_MAX + 1];
	const char *zone;

	if (!value_is_zone(row))
		return false;
	zone = *(const char *const *)address;
	return strcmp(zone, config_mask_zone(zone, masked, sizeof(masked))) != 0;
}

static bool is_secret(const struct value *value)
{
	const struct config_row *row = value->row;

	if (value->kind != VALUE_OPTION || value->node == NULL)
		return false;
	if (!row->secret)
		return value_is_keyed_zone(row, value->address);
	if (row->type == CONFIG_STRINGS || row->type == CONFIG_NETWORKS)
		return ((const struct config_array *)value->address)->n > 0;
	return row->type != CONFIG_STRING || **(const char *const *)value->address != '\0';
}

int config_each_secret(const struct config *config, int (*visit)(void *context, const void *value, const char *file),
                       void *context)
{
	int result = 0;

	for (size_t i = 0; i < config->n_values && result == 0; i++) {
		const struct value *value = &config->values[i];

		if (is_secret(value))
			result = visit(context, value->address,
			               value->node->override == NULL ? value->node->place.file : NULL);
	}
	return result;
}
