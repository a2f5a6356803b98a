/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_macro_fixture - what the tests of macro expansion share: the values of RFC 7208 7.4, and short ways to expand.
 */
#ifndef MAILREEVE_TEST_SPF_MACRO_FIXTURE_H
#define MAILREEVE_TEST_SPF_MACRO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/name.h"
#include "spf/macro.h"
#include "spf_macro_reference.h"

#define TEXT_MAX 4096

static inline const char *mx_example_org(void *context)
{
	(void)context;
	return "mx.example.org";
}

/* The sender, client and name of RFC 7208 7.4. */
static inline struct spf_macros rfc_macros(const char *client)
{
	struct spf_macros macros = {
		.local = "strong-bad",
		.sender_domain = "email.example.com",
		.domain = "email.example.com",
		.helo = "mail.example.com",
		.receiver = "mx.example.net",
		.now_s = 1700000000,
		.validated_name = mx_example_org,
	};

	assert_true(ip_parse(&macros.client, client));
	return macros;
}

static inline const char *domain_of(const char *spec, const struct spf_macros *macros)
{
	static char name[DNS_NAME_TEXT_MAX];

	memset(name, 'x', sizeof(name));
	assert_int_equal(spf_macro_domain(spec, macros, name), SPF_EXPANDED);
	return name;
}

static inline const char *text_of(const char *text, const struct spf_macros *macros)
{
	static char memory[TEXT_MAX];
	struct strbuf result;

	strbuf_open(&result, memory, sizeof(memory));
	assert_int_equal(spf_macro_text(text, macros, &result), SPF_EXPANDED);
	return memory;
}

static inline bool is_bad_name(const char *name)
{
	uint8_t wire[DNS_WIRE_MAX];

	return dns_name_to_wire(name, wire) == 0;
}

#endif
