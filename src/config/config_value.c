/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <string.h>

#include "base/ip.h"
#include "config/config_number.h"
#include "config/config_private.h"

#define POINTS_MILLI_MAX INT_MAX
#define POINTS_MILLI_MIN (-INT_MAX) /* INT_MIN is CONFIG_OFF */

struct range {
	long low, high;
};

static struct range range_of(const struct config_row *row)
{
	if (row->min != 0 || row->max != 0)
		return (struct range){ row->min, row->max };
	switch (row->type) {
	case CONFIG_INT:
		return (struct range){ INT_MIN, INT_MAX };
	case CONFIG_MODE:
		return (struct range){ 0, 07777 };
	case CONFIG_POINTS:
	case CONFIG_POINTS_OR_OFF:
		return (struct range){ POINTS_MILLI_MIN, POINTS_MILLI_MAX };
	case CONFIG_STRING:
		return (struct range){ 0, CONFIG_STRING_OCTETS_MAX };
	default:
		return (struct range){ 0, LONG_MAX };
	}
}

static bool in_range(const struct config_row *row, long value)
{
	struct range range = range_of(row);

	return value >= range.low && value <= range.high;
}

bool value_is_zone(const struct config_row *row)
{
	return row->type == CONFIG_STRING && strcmp(row->name, "zone") == 0;
}

static void add_elements(const struct config_row *row, const char *of_what, struct strbuf *wrong)
{
	struct range range = range_of(row);

	strbuf_addf(wrong, "must be a list of %s", of_what);
	if (range.low > 0 && range.high == LONG_MAX)
		strbuf_addf(wrong, " with at least %ld element%s", range.low, range.low == 1 ? "" : "s");
	else if (range.high != LONG_MAX)
		strbuf_addf(wrong, " with %ld to %ld elements", range.low, range.high);
}

static void add_choices(const struct config_row *row, struct strbuf *wrong)
{
	strbuf_add(wrong, "must be one of ");
	for (size_t i = 0; row->choices[i] != NULL; i++)
		strbuf_addf(wrong, "%s\"%s\"", i > 0 ? ", " : "", row->choices[i]);
}

static void add_points_range(const struct config_row *row, struct strbuf *wrong)
{
	struct range range = range_of(row);

	strbuf_add(wrong, "must be a decimal number between ");
	strbuf_add_points(wrong, (int)range.low);
	strbuf_add(wrong, " and ");
	strbuf_add_points(wrong, (int)range.high);
	strbuf_add(wrong, " with at most three decimals");
}

void value_add_wanted(const struct config_row *row, struct strbuf *wrong)
{
	struct range range = range_of(row);

	switch (row->type) {
	case CONFIG_BOOL:
		strbuf_add(wrong, "must be true or false, without quotes");
		break;
	case CONFIG_INT:
		strbuf_addf(wrong, "must be a whole number between %ld and %ld", range.low, range.high);
		break;
	case CONFIG_MODE:
		strbuf_add(wrong, "must be three or four octal digits in quotes, such as \"0660\"");
		if (row->min != 0 || row->max != 0)
			strbuf_addf(wrong, ", between \"%04lo\" and \"%04lo\"", range.low, range.high);
		break;
	case CONFIG_STRING:
		strbuf_addf(wrong, "must be a string in double quotes of %ld to %ld octets", range.low, range.high);
		break;
	case CONFIG_ENUM:
		add_choices(row, wrong);
		break;
	case CONFIG_POINTS:
		add_points_range(row, wrong);
		break;
	case CONFIG_POINTS_OR_OFF:
		add_points_range(row, wrong);
		strbuf_add(wrong, ", or \"off\"");
		break;
	case CONFIG_STRINGS:
		add_elements(row, "strings: [ \"a\", \"b\" ]", wrong);
		break;
	case CONFIG_NETWORKS:
		add_elements(row, "networks: [ \"192.0.2.0/24\", \"2001:db8::/32\" ]", wrong);
		break;
	case CONFIG_LIST:
		add_elements(row, "groups: ( { ... }, { ... } )", wrong);
		break;
	}
}

static bool refuse(const struct config_row *row, struct strbuf *wrong)
{
	value_add_wanted(row, wrong);
	return false;
}

/* The string that a node stands for: an override's bare word is one too, whatever else it looks like. */
static const char *string_of(const struct node *node)
{
	return node->type == NODE_STRING || node->bare ? node->text : NULL;
}

static bool read_int(const struct config_row *row, const struct node *node, int *value, struct strbuf *wrong)
{
	int read;

	if (node->type != NODE_NUMBER || number_read_int(node->text, &read) != NUMBER_OK || !in_range(row, read))
		return refuse(row, wrong);
	*value = read;
	return true;
}

static bool read_mode(const struct config_row *row, const struct node *node, int *value, struct strbuf *wrong)
{
	const char *text = string_of(node);
	size_t length = text != NULL ? strlen(text) : 0;
	int mode = 0;

	if (length < 3 || length > 4 || strspn(text, "01234567") != length)
		return refuse(row, wrong);
	for (; *text != '\0'; text++)
		mode = mode * 8 + (*text - '0');
	if (!in_range(row, mode))
		return refuse(row, wrong);
	*value = mode;
	return true;
}

static bool read_string(struct arena *arena, const struct config_row *row, const struct node *node, const char **value,
                        struct strbuf *wrong)
{
	const char *text = string_of(node);

	if (text == NULL || strlen(text) > CONFIG_STRING_OCTETS_MAX || !in_range(row, (long)strlen(text)))
		return refuse(row, wrong);
	*value = arena_strdup(arena, text);
	return true;
}

static bool read_enum(const struct config_row *row, const struct node *node, int *value, struct strbuf *wrong)
{
	const char *text = string_of(node);

	for (int i = 0; text != NULL && row->choices[i] != NULL; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*value = i;
			return true;
		}
	}
	return refuse(row, wrong);
}

static bool read_points(const struct config_row *row, const struct node *node, int *value, struct strbuf *wrong)
{
	int milli;

	if (row->type == CONFIG_POINTS_OR_OFF && string_of(node) != NULL && strcmp(string_of(node), "off") == 0) {
		*value = CONFIG_OFF;
		return true;
	}
	if (node->type != NODE_NUMBER || number_read_milli(node->text, &milli) != NUMBER_OK || !in_range(row, milli))
		return refuse(row, wrong);
	*value = milli;
	return true;
}

bool value_read(struct arena *arena, const struct config_row *row, const struct node *node, void *address,
                struct strbuf *wrong)
{
	switch (row->type) {
	case CONFIG_BOOL:
		if (node->type != NODE_BOOL)
			return refuse(row, wrong);
		*(bool *)address = node->truth;
		return true;
	case CONFIG_INT:
		return read_int(row, node, address, wrong);
	case CONFIG_MODE:
		return read_mode(row, node, address, wrong);
	case CONFIG_STRING:
		return read_string(arena, row, node, address, wrong);
	case CONFIG_ENUM:
		return read_enum(row, node, address, wrong);
	case CONFIG_POINTS:
	case CONFIG_POINTS_OR_OFF:
		return read_points(row, node, address, wrong);
	default: /* arrays are read element by element */
		return refuse(row, wrong);
	}
}

size_t value_element_size(const struct config_row *row)
{
	return row->type == CONFIG_LIST       ? row->list->size
	       : row->type == CONFIG_NETWORKS ? sizeof(struct net)
	                                      : sizeof(const char *);
}

/* The network that "192.0.2.5/24" lies in; false when it is not even that. */
static bool cut_host_bits(const char *text, struct net *net)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT_MAX];
	int bits = 0;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address) || slash[1] == '\0' || strlen(slash + 1) > 3)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	for (const char *at = slash + 1; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return false;
		bits = bits * 10 + (*at - '0');
	}
	if (!ip_parse(&net->ip, address))
		return false;
	if (net->ip.family == 4 && strchr(address, ':') != NULL)
		bits -= 96; /* a mapped address: its network is that of the IPv4 address */
	if (bits < 0 || bits > (net->ip.family == 4 ? 32 : 128))
		return false;
	net->bits = (uint8_t)bits;
	for (int i = bits; i < 128; i++)
		net->ip.octets[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return true;
}

static bool read_network(const struct node *node, struct net *net, struct strbuf *wrong)
{
	char text[NET_TEXT_MAX];
	struct net right;

	if (node->type == NODE_STRING && net_parse(net, node->text))
		return true;
	strbuf_add(wrong, "must be an IP address or a network, such as \"192.0.2.0/24\" or \"2001:db8::/32\"");
	if (node->type == NODE_STRING && cut_host_bits(node->text, &right))
		strbuf_addf(wrong, "; here host bits are set: the network would be \"%s\"", net_format(&right, text));
	return false;
}

bool value_read_element(struct arena *arena, const struct config_row *row, const struct node *node, void *address,
                        struct strbuf *wrong)
{
	if (row->type == CONFIG_NETWORKS)
		return read_network(node, address, wrong);
	if (node->type != NODE_STRING || strlen(node->text) > CONFIG_STRING_OCTETS_MAX) {
		strbuf_addf(wrong, "must be a string in double quotes of at most %d octets", CONFIG_STRING_OCTETS_MAX);
		return false;
	}
	*(const char **)address = arena_strdup(arena, node->text);
	return true;
}
