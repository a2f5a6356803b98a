/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/dmarc_settings.h"

#include <string.h>

#include "mail/address.h"
#include "mail/idn.h"

#define ENTRIES_MAX 1024

#define AT(field) offsetof(struct dmarc_settings, field)

const struct config_row dmarc_options[3] = {
	{
		.name = "trusted_forwarders",
		.type = CONFIG_NETWORKS,
		.offset = AT(trusted_forwarders),
		.max = ENTRIES_MAX,
		.fallback = "[ ]",
		.help = "Clients in these networks forward mail for our users: what fails DMARC on its way through them is "
			"dmarc.fail_forwarded, whatever the author's domain asks for.",
	},
	{
		.name = "mailing_lists",
		.type = CONFIG_STRINGS,
		.offset = AT(mailing_lists),
		.max = ENTRIES_MAX,
		.fallback = "[ ]",
		.help = "Domains of mailing lists, which change the mail that passes through them: the same for mail with a "
			"valid DKIM signature of such a domain, or SPF pass for it or for a domain below it.",
	},
	{
		.name = "psl_check",
		.type = CONFIG_BOOL,
		.offset = AT(psl_check),
		.fallback = "false",
		.help = "Whether the organisational domain that DNS tells is compared with the public suffix list: a "
			"difference is dmarc.psl_differs, and changes nothing.",
	},
};

/* As it is compared: lower-case A-labels. False: it is no domain. */
static bool list_domain(const char *entry, char ascii[IDN_DOMAIN_OCTETS_MAX])
{
	return idn_to_ascii(entry, ascii) && domain_is_hostname(ascii);
}

int dmarc_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct dmarc_settings *dmarc = settings;
	const char *const *lists = dmarc->mailing_lists.items;
	char ascii[IDN_DOMAIN_OCTETS_MAX];

	(void)catalogue;
	for (size_t i = 0; i < dmarc->mailing_lists.n; i++) {
		if (!list_domain(lists[i], ascii))
			return config_fault(
				config, &lists[i], err,
				"must be a domain, such as \"lists.example.org\"; those below it are included");
	}
	return 0;
}

bool dmarc_is_below(const char *domain, const char *name)
{
	const size_t octets = strlen(domain), wanted = strlen(name);

	if (wanted == 0 || octets < wanted || strcmp(domain + octets - wanted, name) != 0)
		return false;
	return octets == wanted || domain[octets - wanted - 1] == '.';
}

const char *dmarc_excuse(const struct dmarc_settings *settings, const struct ip *client,
                         const struct dmarc_identifier *identifiers, size_t n, char *net)
{
	const struct net *networks = settings->trusted_forwarders.items;
	const char *const *lists = settings->mailing_lists.items;
	char ascii[IDN_DOMAIN_OCTETS_MAX];

	for (size_t i = 0; i < settings->trusted_forwarders.n; i++) {
		if (net_contains(&networks[i], client))
			return net_format(&networks[i], net);
	}
	for (size_t i = 0; i < settings->mailing_lists.n; i++) {
		for (size_t k = 0; k < n && list_domain(lists[i], ascii); k++) {
			if (dmarc_is_below(identifiers[k].domain, ascii))
				return lists[i];
		}
	}
	return NULL;
}
