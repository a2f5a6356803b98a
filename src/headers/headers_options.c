/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers_options - the section "headers" of the configuration.
 */
#include "base/base.h"
#include "headers/headers.h"

#define AT(field) offsetof(struct headers_settings, field)

const struct config_row headers_rows[] = {
	{ .name = "authserv_id",
	  .type = CONFIG_STRING,
	  .offset = AT(authserv_id),
	  .max = 253,
	  .fallback = "\"\"",
	  .help = "The name under which Authentication-Results are written (RFC 8601 2.5). Empty: the MTA's own name (macro j). Machines that "
	          "deliver to the same users should share one." },
	{ .name = "also_strip",
	  .type = CONFIG_STRINGS,
	  .offset = AT(also_strip),
	  .max = 64,
	  .fallback = "[ ]",
	  .help = "Further authserv-ids whose Authentication-Results are removed from what arrives, for example former names." },
	{ .name = "authentication_results",
	  .type = CONFIG_BOOL,
	  .offset = AT(authentication_results),
	  .fallback = "true",
	  .help = "Write Authentication-Results. Fields that claim our authserv-id are removed in any case." },
	{ .name = "received_spf",
	  .type = CONFIG_BOOL,
	  .offset = AT(received_spf),
	  .fallback = "true",
	  .help = "Write Received-SPF (RFC 7208 9.1), one field for the sender's domain and one for the HELO name." },
	{ .name = "x_spam",
	  .type = CONFIG_BOOL,
	  .offset = AT(x_spam),
	  .fallback = "true",
	  .help = "Write X-Spam-Score, X-Spam-Level, X-Spam-Status, and, from the tag threshold on, X-Spam-Flag: YES." },
	{ .name = "strip_x_spam",
	  .type = CONFIG_BOOL,
	  .offset = AT(strip_x_spam),
	  .fallback = "true",
	  .help = "Remove the X-Spam fields that a message brings along." },
};
const size_t headers_n_rows = COUNT(headers_rows);
