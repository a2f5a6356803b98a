/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/greeting_settings.h"

#include <string.h>
#include <strings.h>

#include "mail/address.h"

#define NAMES_MAX    1024
#define NETWORKS_MAX 1024

#define AT(field) offsetof(struct greeting_settings, field)

const struct config_row greeting_options[GREETING_OPTIONS] = {
	{
		.name = "ehlo_name",
		.type = CONFIG_STRING,
		.offset = AT(ehlo_name),
		.max = DOMAIN_OCTETS_MAX,
		.fallback = "\"\"",
		.help = "The name that mailreeve says in EHLO. Empty: the MTA's own name (macro j).",
	},
	{
		.name = "skip_names",
		.type = CONFIG_STRINGS,
		.offset = AT(skip_names),
		.max = NAMES_MAX,
		.fallback = "[ ]",
		.help = "Names in HELO that are not asked: \"mail.example.org\" (this name), \".example.org\" (every name below it).",
	},
	{
		.name = "deny_networks",
		.type = CONFIG_NETWORKS,
		.offset = AT(deny_networks),
		.max = NETWORKS_MAX,
		.fallback = "[ ]",
		.help = "Networks to which no connection is made, such as your own public ones. Addresses that are not global "
			"unicast, this machine's own, and the networks on its links are never asked anyway.",
	},
	{
		.name = "test_networks",
		.type = CONFIG_NETWORKS,
		.offset = AT(test_networks),
		.max = NETWORKS_MAX,
		.fallback = "[ ]",
		.help = "Networks to which connections are made whatever they are (but not if they are in deny_networks). For tests "
			"only: a stranger chooses where in them.",
	},
	{
		.name = "addresses_max",
		.type = CONFIG_INT,
		.offset = AT(addresses_max),
		.min = 1,
		.max = GREETING_ADDRESSES_MAX,
		.fallback = "3",
		.help = "So many addresses of a name are asked at most, one after the other, the client's own first.",
	},
	{
		.name = "connect_ms",
		.type = CONFIG_INT,
		.offset = AT(connect_ms),
		.min = 100,
		.max = 60000,
		.fallback = "3000",
		.help = "How long a connection may take to come about.",
	},
	{
		.name = "step_ms",
		.type = CONFIG_INT,
		.offset = AT(step_ms),
		.min = 100,
		.max = 60000,
		.fallback = "3000",
		.help = "How long each step after it may take: the whole greeting, the answer to EHLO, the one to QUIT.",
	},
	{
		.name = "total_ms",
		.type = CONFIG_INT,
		.offset = AT(total_ms),
		.min = 100,
		.max = 60000,
		.fallback = "6000",
		.help = "How long all of it may take, over all addresses of a name, and each conversation by itself.",
	},
	{
		.name = "octets_max",
		.type = CONFIG_INT,
		.offset = AT(octets_max),
		.min = 512,
		.max = 65536,
		.fallback = "8192",
		.help = "So much is read of a reply. Whoever says more is no mail server (greeting.not_smtp).",
	},
	{
		.name = "probes_max",
		.type = CONFIG_INT,
		.offset = AT(probes_max),
		.min = 1,
		.max = 1024,
		.fallback = "64",
		.help = "So many conversations are carried on at once. What is above is not asked.",
	},
	{
		.name = "address_hour_max",
		.type = CONFIG_INT,
		.offset = AT(address_hour_max),
		.min = 1,
		.max = 1000,
		.fallback = "4",
		.help = "So many connections are made to an address in an hour.",
	},
	{
		.name = "net_hour_max",
		.type = CONFIG_INT,
		.offset = AT(net_hour_max),
		.min = 1,
		.max = 10000,
		.fallback = "60",
		.help = "The same for its whole network: /24, or /64 in IPv6.",
	},
	{
		.name = "match_ttl_s",
		.type = CONFIG_INT,
		.offset = AT(match_ttl_s),
		.min = 0,
		.max = 604800,
		.fallback = "86400",
		.help = "For so long it is remembered that a server greets with the name that its client said.",
	},
	{
		.name = "other_ttl_s",
		.type = CONFIG_INT,
		.offset = AT(other_ttl_s),
		.min = 0,
		.max = 86400,
		.fallback = "3600",
		.help = "The same for every other answer, and for none.",
	},
	{
		.name = "targets_max",
		.type = CONFIG_INT,
		.offset = AT(targets_max),
		.min = 16,
		.max = 1048576,
		.fallback = "8192",
		.help = "So many addresses and networks are remembered. Full: what was asked within the hour stays, and nobody new is "
			"asked.",
	},
	{
		.name = "port",
		.type = CONFIG_INT,
		.offset = AT(port),
		.min = 1,
		.max = 65535,
		.fallback = "25",
		.help = "The port that is connected to. Anything but 25 is for tests.",
	},
};

static bool is_pattern(const char *pattern)
{
	const char *name = pattern[0] == '.' ? pattern + 1 : pattern;
	const size_t octets = strlen(name);
	static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return octets > 0 && octets <= DOMAIN_OCTETS_MAX && name[strspn(name, usual)] == '\0' && name[0] != '.' &&
	       name[octets - 1] != '.' && strstr(name, "..") == NULL;
}

int greeting_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct greeting_settings *greeting = settings;
	const char *const *names = greeting->skip_names.items;

	(void)catalogue;
	if (greeting->ehlo_name[0] != '\0' && !domain_is_hostname(greeting->ehlo_name))
		return config_fault(config, &greeting->ehlo_name, err,
		                    "must be a host name with a dot, such as \"mail.example.org\", or empty");
	for (size_t i = 0; i < greeting->skip_names.n; i++) {
		if (!is_pattern(names[i]))
			return config_fault(config, &names[i], err,
			                    "must be \"mail.example.org\" or \".example.org\" (every name below it); "
			                    "there are no wildcards");
	}
	if (greeting->test_networks.n > 0)
		config_warn(config, &greeting->test_networks,
		            "lets strangers make mailreeve connect there: for tests only");
	return 0;
}

int greeting_open(void *settings, const struct tally *tally, struct err *err)
{
	struct greeting_settings *from = settings;
	struct probe_settings to = {
		.port = from->port,
		.connect_ms = from->connect_ms,
		.step_ms = from->step_ms,
		.total_ms = from->total_ms,
		.octets_max = from->octets_max,
		.probes_max = from->probes_max,
		.address_hour_max = from->address_hour_max,
		.net_hour_max = from->net_hour_max,
		.match_ttl_s = from->match_ttl_s,
		.other_ttl_s = from->other_ttl_s,
		.targets_max = from->targets_max,
		.denied = { from->deny_networks.items, from->deny_networks.n },
		.tested = { from->test_networks.items, from->test_networks.n },
		.tally = *tally,
	};

	from->probe = probe_open(&to, err);
	return from->probe != NULL ? 0 : -1;
}

void greeting_close(void *settings)
{
	struct greeting_settings *greeting = settings;

	probe_close(&greeting->probe);
}

static bool matches(const char *name, const char *pattern)
{
	const size_t octets = strlen(name), wanted = strlen(pattern);

	if (pattern[0] != '.')
		return strcasecmp(name, pattern) == 0;
	return octets > wanted && strcasecmp(name + octets - wanted, pattern) == 0;
}

bool greeting_skips(const struct greeting_settings *settings, const char *name)
{
	const char *const *names = settings->skip_names.items;

	for (size_t i = 0; i < settings->skip_names.n; i++) {
		if (matches(name, names[i]))
			return true;
	}
	return false;
}
