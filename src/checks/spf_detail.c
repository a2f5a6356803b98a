/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/spf_detail.h"

#include <string.h>

#include "base/strbuf.h"

static void add_problem(struct strbuf *detail, const struct spf_result *result)
{
	if (strstr(result->problem, result->domain) == NULL)
		strbuf_addf(detail, "%s: ", result->domain);
	for (const char *c = result->problem; *c != '\0'; c++) /* a double quote would become an escape */
		strbuf_add_octets(detail, *c == '"' ? "'" : c, 1);
}

const char *spf_detail(const struct spf_result *result, char text[SPF_DETAIL_SIZE])
{
	const char *why = dns_why_name(result->why);
	struct strbuf detail;

	strbuf_open(&detail, text, SPF_DETAIL_SIZE);
	if (result->code == SPF_TEMPERROR)
		strbuf_add(&detail, why[0] != '\0' ? why : "internal");
	else if (result->code == SPF_PERMERROR)
		add_problem(&detail, result);
	else
		strbuf_addf(&detail, "%s%s%s", result->domain, result->mechanism[0] != '\0' ? " " : "",
		            result->mechanism);
	return text;
}
