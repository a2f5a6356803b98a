/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/dnsbl_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/strbuf.h"
#include "mail/address.h"
#include "policy/policy.h"

#define LIST_NAME_OCTETS_MAX 24 /* "dnsbl.LIST.CODE" is a fact's name */
#define CODE_NAME_OCTETS_MAX 24
#define CODE_OCTETS_MAX      31  /* "255-255.255-255.255-255.255-255" */
#define KEY_OCTETS_MAX       63  /* a label */
#define TEXT_SIZE            160 /* of a fact's sentence */
#define UNSURE_NAME          "unsure"

enum { KIND_BLOCK, KIND_ALLOW };

struct code_settings {
	const char *code;
	const char *name;
	int points_milli;
};

struct list_settings {
	const char *name;
	const char *zone;
	const char *key;
	struct config_array over;   /* strings */
	struct config_array codes;  /* struct code_settings */
	struct config_array errors; /* strings */
	int kind;
	bool enabled;
	bool ipv6;
};

static const char *const kinds[] = { [KIND_BLOCK] = "block", [KIND_ALLOW] = "allow", NULL };

static const struct {
	const char *name;
	enum dnsbl_target target;
} targets[] = {
	{ "client", DNSBL_CLIENT },
	{ "helo", DNSBL_HELO },
	{ "sender", DNSBL_SENDER },
	{ "ptr", DNSBL_PTR },
};

/* ---- options ---- */

static const struct config_row code_rows[] = {
	{
		.name = "code",
		.type = CONFIG_STRING,
		.offset = offsetof(struct code_settings, code),
		.min = 1,
		.max = CODE_OCTETS_MAX,
		.help = "The address that the list answers: \"127.0.0.2\"; each octet may be a range \"4-7\", \"*\", or \"&8\" "
			"(this bit is set); or a network, \"127.0.1.0/24\". A code that no row names is never a listing.",
	},
	{
		.name = "name",
		.type = CONFIG_STRING,
		.offset = offsetof(struct code_settings, name),
		.min = 1,
		.max = CODE_NAME_OCTETS_MAX,
		.help = "What it means; the fact is dnsbl.LIST.NAME. Letters a-z, digits, '-' and '_'. Several codes may have "
			"the same name, and the same points then.",
	},
	{
		.name = "points",
		.type = CONFIG_POINTS,
		.offset = offsetof(struct code_settings, points_milli),
		.min = -POLICY_POINTS_MAX_MILLI,
		.max = POLICY_POINTS_MAX_MILLI,
		.help = "What it counts: 0.0 or more on a block list, 0.0 or less on an allow list.",
	},
};

static const struct config_list code_list = {
	.rows = code_rows,
	.n_rows = COUNT(code_rows),
	.size = sizeof(struct code_settings),
};

static const struct config_row list_rows[] = {
	{
		.name = "name",
		.type = CONFIG_STRING,
		.offset = offsetof(struct list_settings, name),
		.min = 1,
		.max = LIST_NAME_OCTETS_MAX,
		.help = "The list's name in facts and logs: letters a-z, digits, '-' and '_'. No two lists have the same.",
	},
	{
		.name = "kind",
		.type = CONFIG_ENUM,
		.offset = offsetof(struct list_settings, kind),
		.fallback = "\"block\"",
		.choices = kinds,
		.help = "\"block\": being listed speaks against a client. \"allow\": it speaks for it.",
	},
	{
		.name = "zone",
		.type = CONFIG_STRING,
		.offset = offsetof(struct list_settings, zone),
		.min = 1,
		.max = DOMAIN_OCTETS_MAX,
		.help = "The list's zone in DNS, such as \"bl.example.org\". \"{key}\" in it stands for the option key.",
	},
	{
		.name = "key",
		.type = CONFIG_STRING,
		.offset = offsetof(struct list_settings, key),
		.max = KEY_OCTETS_MAX,
		.fallback = "\"\"",
		.secret = true,
		.help = "The access key of a list that gives its users one. It is never shown.",
	},
	{
		.name = "over",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct list_settings, over),
		.min = 1,
		.max = COUNT(targets),
		.fallback = "[ \"client\" ]",
		.help = "What the list is asked about: \"client\" (the address), or, for a list of domains, \"helo\" (the name "
			"in HELO), \"sender\" (the domain in MAIL FROM), \"ptr\" (the names of the client's address).",
	},
	{
		.name = "enabled",
		.type = CONFIG_BOOL,
		.offset = offsetof(struct list_settings, enabled),
		.fallback = "true",
		.help = "Whether the list is asked.",
	},
	{
		.name = "codes",
		.type = CONFIG_LIST,
		.offset = offsetof(struct list_settings, codes),
		.min = 1,
		.max = DNSBL_CODES_MAX,
		.list = &code_list,
		.help = "What the list's answers mean.",
	},
	{
		.name = "errors",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct list_settings, errors),
		.max = DNSBL_ERRORS_MAX,
		.fallback = "[ ]",
		.help = "Answers, written like codes, with which the list says that it does not answer us. 127.255.255.0/24 "
			"always means that. An answer with one of them is no listing, whatever else is in it.",
	},
	{
		.name = "ipv6",
		.type = CONFIG_BOOL,
		.offset = offsetof(struct list_settings, ipv6),
		.fallback = "true",
		.help = "Whether the list is asked about IPv6 clients.",
	},
};

static const struct config_list list_list = {
	.rows = list_rows,
	.n_rows = COUNT(list_rows),
	.size = sizeof(struct list_settings),
};

const struct config_row dnsbl_options[1] = {
	{
		.name = "lists",
		.type = CONFIG_LIST,
		.offset = offsetof(struct dnsbl_settings, lists),
		.max = DNSBL_LISTS_MAX,
		.fallback = "( )",
		.list = &list_list,
		.help = "The block lists and allow lists that are asked.",
	},
};

/* ---- checking ---- */

/* What every function below needs. */
struct making {
	struct catalogue *catalogue;
	struct config *config;
	struct err *err;
};

static bool is_name(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0' && name[0] != '\0';
}

static int check_name(const struct making *making, const struct list_settings *lists, size_t index)
{
	const struct list_settings *list = &lists[index];

	if (!is_name(list->name))
		return config_fault(making->config, &list->name, making->err,
		                    "must be letters a-z, digits, '-' and '_'");
	for (size_t i = 0; i < index; i++) {
		if (strcmp(lists[i].name, list->name) == 0)
			return config_fault(making->config, &list->name, making->err,
			                    "lists[%zu] has this name already; every list needs its own", i);
	}
	return 0;
}

/* The messages name the option only: the zone may hold the key. */
static int make_zone(const struct making *making, const struct list_settings *from, struct dnsbl_list *list)
{
	bool keyed = strstr(from->zone, "{key}") != NULL;
	bool missing = keyed && from->key[0] == '\0';
	char zone[DNS_NAME_TEXT_MAX];

	if (missing && from->enabled)
		return config_fault(making->config, &from->zone, making->err,
		                    "needs the option key; set it, or enabled = false for this list");
	if (strchr(from->key, '.') != NULL)
		return config_fault(making->config, &from->key, making->err,
		                    "must be letters, digits and hyphens only");
	if (!keyed && from->key[0] != '\0')
		config_warn(making->config, &from->key, "is not used: there is no {key} in zone");
	if (!dnsbl_zone_expand(from->zone, missing ? "key" : from->key, zone) || !domain_is_hostname(zone))
		return config_fault(making->config, &from->zone, making->err,
		                    "with its key it must be a domain name of letters, digits and hyphens, such as "
		                    "\"bl.example.org\" or \"{key}.bl.example.org\"");
	if (!dnsbl_zone_has_room(zone))
		return config_fault(making->config, &from->zone, making->err,
		                    "is too long: an address in front of it would exceed 253 octets");
	list->zone = memory_strdup(zone);
	return 0;
}

static unsigned target_named(const char *name)
{
	for (size_t i = 0; i < COUNT(targets); i++) {
		if (strcmp(targets[i].name, name) == 0)
			return targets[i].target;
	}
	return 0;
}

static int make_over(const struct making *making, const struct list_settings *from, struct dnsbl_list *list)
{
	const char *const *names = from->over.items;

	for (size_t i = 0; i < from->over.n; i++) {
		unsigned target = target_named(names[i]);
		if (target == 0)
			return config_fault(making->config, &names[i], making->err,
			                    "must be \"client\", \"helo\", \"sender\" or \"ptr\"");
		list->over |= target;
	}
	if (list->over == 0)
		return config_fault(making->config, &from->over, making->err,
		                    "is empty: must have \"client\", \"helo\", \"sender\" or \"ptr\"");
	return 0;
}

static int make_errors(const struct making *making, const struct list_settings *from, struct dnsbl_list *list)
{
	const char *const *errors = from->errors.items;

	if (from->errors.n > DNSBL_ERRORS_MAX)
		return config_fault(making->config, &from->errors, making->err, "must be %d at most", DNSBL_ERRORS_MAX);
	list->errors = memory_new(from->errors.n * sizeof(list->errors[0]));
	for (; list->n_errors < from->errors.n; list->n_errors++) {
		if (!dnsbl_pattern_parse(&list->errors[list->n_errors], errors[list->n_errors]))
			return config_fault(
				making->config, &errors[list->n_errors], making->err,
				"must be a code such as \"127.0.0.255\", \"127.0.0.1-3\", \"127.0.*.255\" or "
				"\"127.0.1.0/24\"");
	}
	return 0;
}

static int check_points(const struct making *making, const struct list_settings *from, const struct code_settings *code)
{
	if (from->kind == KIND_BLOCK && code->points_milli < 0)
		return config_fault(making->config, &code->points_milli, making->err,
		                    "must be 0.0 or more on a block list (or is this list's kind \"allow\"?)");
	if (from->kind == KIND_ALLOW && code->points_milli > 0)
		return config_fault(making->config, &code->points_milli, making->err,
		                    "must be 0.0 or less on an allow list (or is this list's kind \"block\"?)");
	return 0;
}

static int check_code(const struct making *making, const struct list_settings *from, size_t index,
                      struct dnsbl_pattern *pattern)
{
	const struct code_settings *codes = from->codes.items, *code = &codes[index];

	if (!dnsbl_pattern_parse(pattern, code->code))
		return config_fault(making->config, &code->code, making->err,
		                    "must be such as \"127.0.0.2\", \"127.0.0.4-7\", \"127.0.*.2\", \"127.0.0.&8\" or "
		                    "\"127.0.1.0/24\"");
	if (!dnsbl_pattern_can_list(pattern))
		return config_fault(making->config, &code->code, making->err,
		                    "can never be a listing: must be in 127.0.0.0/8 and not in 127.255.255.0/24");
	if (!is_name(code->name) || strcmp(code->name, UNSURE_NAME) == 0)
		return config_fault(making->config, &code->name, making->err,
		                    "must be letters a-z, digits, '-' and '_', and not \"" UNSURE_NAME "\"");
	return check_points(making, from, code);
}

/* ---- making ---- */

/* `value`: what to blame. */
static fact_id add_fact(const struct making *making, const struct list_settings *from, const void *value,
                        const char *name, enum fact_kind kind, int points_milli, const char *text)
{
	char full[LIST_NAME_OCTETS_MAX + CODE_NAME_OCTETS_MAX + 2];
	struct strbuf buf;
	struct err why = { "" };
	fact_id id;

	strbuf_open(&buf, full, sizeof(full));
	strbuf_addf(&buf, "%s.%s", from->name, name);
	id = catalogue_add(making->catalogue, "dnsbl", full, kind, points_milli, text, &why);
	if (id == FACT_NO_ID)
		config_fault(making->config, value, making->err, "%s", why.text);
	return id;
}

static fact_id add_listing(const struct making *making, const struct list_settings *from, unsigned over,
                           const struct code_settings *code)
{
	const char *who = "the client or a domain of this message";
	char text[TEXT_SIZE];
	struct strbuf buf;

	if (over == DNSBL_CLIENT)
		who = "the client address";
	else if ((over & DNSBL_CLIENT) == 0)
		who = "a domain of this message";
	strbuf_open(&buf, text, sizeof(text));
	strbuf_addf(&buf, "%s is on the %s list %s (%s)", who, kinds[from->kind], from->name, code->name);
	return add_fact(making, from, &code->name, code->name, FACT_EVIDENCE, code->points_milli, text);
}

static fact_id add_unsure(const struct making *making, const struct list_settings *from)
{
	char text[TEXT_SIZE];
	struct strbuf buf;

	strbuf_open(&buf, text, sizeof(text));
	strbuf_addf(&buf, "the %s list %s did not answer", kinds[from->kind], from->name);
	return add_fact(making, from, &from->name, UNSURE_NAME, FACT_UNSURE, 0, text);
}

/* The code before `index` with the same name; NULL: there is none. */
static const struct code_settings *same_name(const struct code_settings *codes, size_t index, size_t *found)
{
	for (*found = 0; *found < index; ++*found) {
		if (strcmp(codes[*found].name, codes[index].name) == 0)
			return &codes[*found];
	}
	return NULL;
}

static int make_code(const struct making *making, const struct list_settings *from, struct dnsbl_list *list,
                     size_t index)
{
	const struct code_settings *codes = from->codes.items, *same;
	struct dnsbl_code *code = &list->codes[index];
	size_t other;

	if (check_code(making, from, index, &code->pattern) != 0)
		return -1;
	same = same_name(codes, index, &other);
	if (same != NULL && same->points_milli != codes[index].points_milli)
		return config_fault(making->config, &codes[index].points_milli, making->err,
		                    "must be as in codes[%zu], which has the same name", other);
	code->fact = same != NULL ? list->codes[other].fact : add_listing(making, from, list->over, &codes[index]);
	return code->fact != FACT_NO_ID ? 0 : -1;
}

static int make_codes(const struct making *making, const struct list_settings *from, struct dnsbl_list *list)
{
	const struct code_settings *codes = from->codes.items;
	bool counts = false;

	if (from->codes.n == 0 || from->codes.n > DNSBL_CODES_MAX)
		return config_fault(making->config, &from->codes, making->err, "must have 1 to %d codes",
		                    DNSBL_CODES_MAX);
	list->codes = memory_new(from->codes.n * sizeof(list->codes[0]));
	for (; list->n_codes < from->codes.n; list->n_codes++) {
		if (make_code(making, from, list, list->n_codes) != 0)
			return -1;
		counts = counts || codes[list->n_codes].points_milli != 0;
	}
	if (from->enabled && !counts)
		config_warn(making->config, &from->codes,
		            "have no points: the list \"%s\" is asked, but changes no score", from->name);
	return 0;
}

static int make_list(const struct making *making, const struct list_settings *from, struct dnsbl_list *list)
{
	list->enabled = from->enabled;
	list->ipv6 = from->ipv6;
	if (make_zone(making, from, list) != 0 || make_over(making, from, list) != 0)
		return -1;
	if (make_errors(making, from, list) != 0 || make_codes(making, from, list) != 0)
		return -1;
	list->unsure = add_unsure(making, from);
	return list->unsure != FACT_NO_ID ? 0 : -1;
}

int dnsbl_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct making making = { catalogue, config, err };
	struct dnsbl_settings *dnsbl = settings;
	const struct list_settings *lists = dnsbl->lists.items;

	if (dnsbl->lists.n > DNSBL_LISTS_MAX)
		return config_fault(config, &dnsbl->lists, err, "must be %d lists at most", DNSBL_LISTS_MAX);
	dnsbl->list = memory_new(dnsbl->lists.n * sizeof(dnsbl->list[0]));
	for (; dnsbl->n_lists < dnsbl->lists.n; dnsbl->n_lists++) {
		if (check_name(&making, lists, dnsbl->n_lists) == 0 &&
		    make_list(&making, &lists[dnsbl->n_lists], &dnsbl->list[dnsbl->n_lists]) == 0)
			continue;
		dnsbl->n_lists++;
		dnsbl_release(settings);
		return -1;
	}
	return 0;
}

void dnsbl_release(void *settings)
{
	struct dnsbl_settings *dnsbl = settings;

	for (size_t i = 0; i < dnsbl->n_lists; i++) {
		free(dnsbl->list[i].zone);
		free(dnsbl->list[i].codes);
		free(dnsbl->list[i].errors);
	}
	free(dnsbl->list);
	dnsbl->list = NULL;
	dnsbl->n_lists = 0;
}
