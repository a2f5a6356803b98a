/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/spf_settings.h"

#define AT(field) offsetof(struct spf_settings, field)

const struct config_row spf_options[7] = {
	{
		.name = "helo",
		.type = CONFIG_BOOL,
		.offset = AT(helo),
		.fallback = "true",
		.help = "Whether the name in HELO is checked too (RFC 7208 2.3), beside the sender's domain.",
	},
	{
		.name = "guess",
		.type = CONFIG_BOOL,
		.offset = AT(guess),
		.fallback = "true",
		.help = "Whether a guess is made for a sender's domain without a record: \"v=spf1 a/24 mx/24 ptr\". It is "
			"marked as one, and has no points unless spf.points.guess_* says so.",
	},
	{
		.name = "explanation",
		.type = CONFIG_BOOL,
		.offset = AT(explanation),
		.fallback = "false",
		.help = "Whether the refusal of a message with spf.fail quotes the words in which the sender's domain explains "
			"it (exp=). They are a stranger's: cleaned, cut, and in quotes.",
	},
	{
		.name = "void_max",
		.type = CONFIG_INT,
		.offset = AT(void_max),
		.min = 0,
		.max = 10,
		.fallback = "2",
		.help = "A record may ask for so many names that do not exist (RFC 7208 4.6.4); more are a permerror.",
	},
	{
		.name = "queries_max",
		.type = CONFIG_INT,
		.offset = AT(queries_max),
		.min = 20,
		.max = 500,
		.fallback = "125",
		.help = "The most DNS questions that one identity may cost, those asked ahead included. 125 is more than the limits "
			"of RFC 7208 allow.",
	},
	{
		.name = "wide_addresses",
		.type = CONFIG_INT,
		.offset = AT(wide_addresses),
		.min = 1,
		.max = 2147483647,
		.fallback = "4194304",
		.help = "A record that permits more IPv4 addresses than this is over-wide (spf.wide), as is one with \"+all\".",
	},
	{
		.name = "wide_prefix6",
		.type = CONFIG_INT,
		.offset = AT(wide_prefix6),
		.min = 0,
		.max = 128,
		.fallback = "24",
		.help = "A record that permits an IPv6 network with a prefix shorter than this is over-wide (spf.wide).",
	},
};
