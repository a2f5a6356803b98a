/* SPDX-License-Identifier: BSD-2-Clause */
/* What libunbound is told: forwarders, resolv.conf, files, the limit of open files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "dns/unbound_setup.h"

#define FORWARD_CASES_MAX 3

static struct dns_settings settings_for(enum dns_mode mode)
{
	return (struct dns_settings){
		.mode = mode, .resolv_conf = "/nonexistent", .root_hints = "", .trust_anchor = "", .zone_file = ""
	};
}

/* A file with this text; unlink() and free() its name. */
static char *file_with(const char *text)
{
	char *path = strdup("/tmp/test_unbound_setup.XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void file_gone(char *path)
{
	unlink(path);
	free(path);
}

static void forward_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
		bool loopback;
	} cases[] = {
		{ "192.0.2.53", "192.0.2.53@53", false },
		{ "192.0.2.53@5353", "192.0.2.53@5353", false },
		{ "2001:DB8::53", "2001:db8::53@53", false },
		{ "[2001:db8::53]", "2001:db8::53@53", false },
		{ "2001:db8::53@53", "2001:db8::53@53", false },
		{ "fe80::1%lo", "fe80::1%lo@53", false },
		{ "127.0.0.53", "127.0.0.53@53", true },
		{ "::1@65535", "::1@65535", true },
		{ "", NULL, false },
		{ "resolver.example.org", NULL, false },
		{ "192.0.2.53@0", NULL, false },
		{ "192.0.2.53@65536", NULL, false },
		{ "192.0.2.53@", NULL, false },
		{ "192.0.2.53@-1", NULL, false },
		{ "192.0.2.53@53@53", NULL, false },
		{ "192.0.2.53 ", NULL, false },
		{ "192.0.2.53%lo", NULL, false },
		{ "fe80::1%", NULL, false },
		{ "192.0.2.53@000000000000000000000000000000000000000000000000000000000000000000000000000053", NULL,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_settings settings = settings_for(DNS_MODE_FORWARD);
		struct unbound_plan plan;
		struct err err = { "" };

		settings.forward = &cases[i].text;
		settings.n_forward = 1;
		print_message("forward \"%s\"\n", cases[i].text);
		if (cases[i].want == NULL) {
			assert_int_equal(unbound_plan_make(&plan, &settings, &err), -1);
			assert_non_null(strstr(err.text, "dns.forward"));
			continue;
		}
		assert_int_equal(unbound_plan_make(&plan, &settings, &err), 0);
		assert_int_equal(plan.mode, DNS_MODE_FORWARD);
		assert_int_equal(plan.n_forward, 1);
		assert_string_equal(plan.forward[0], cases[i].want);
		assert_int_equal(plan.forward_loopback, cases[i].loopback);
	}
}

static void too_many_forwarders(void **state)
{
	const char *forward[UNBOUND_FORWARD_MAX + 1];
	struct dns_settings settings = settings_for(DNS_MODE_FORWARD);
	struct unbound_plan plan;
	struct err err = { "" };

	(void)state;
	for (size_t i = 0; i < COUNT(forward); i++)
		forward[i] = "192.0.2.53";
	settings.forward = forward;
	settings.n_forward = COUNT(forward);
	assert_int_equal(unbound_plan_make(&plan, &settings, &err), -1);
	assert_non_null(strstr(err.text, "dns.forward"));
	settings.n_forward = UNBOUND_FORWARD_MAX;
	assert_int_equal(unbound_plan_make(&plan, &settings, &err), 0);
}

static void resolv_conf(void **state)
{
	static const struct {
		const char *text;
		enum dns_mode mode, want_mode;
		const char *want[FORWARD_CASES_MAX];
		const char *refused; /* a word of the error */
	} cases[] = {
		{ "nameserver 127.0.0.1\n", DNS_MODE_AUTO, DNS_MODE_FORWARD, { "127.0.0.1@53" }, NULL },
		{ "nameserver ::1", DNS_MODE_AUTO, DNS_MODE_FORWARD, { "::1@53" }, NULL },
		{ "# nameserver 127.0.0.1\n;nameserver ::1\n", DNS_MODE_AUTO, DNS_MODE_RECURSE, { NULL }, NULL },
		{ "search example.org\nnameserver 192.0.2.1\n", DNS_MODE_AUTO, DNS_MODE_RECURSE, { NULL }, NULL },
		{ "nameserver 192.0.2.1\nnameserver\t127.0.0.53 # stub\r\n",
		  DNS_MODE_AUTO,
		  DNS_MODE_FORWARD,
		  { "127.0.0.53@53" },
		  NULL },
		{ "nameserver 192.0.2.1\nnameserver 2001:db8::1\n",
		  DNS_MODE_FORWARD,
		  DNS_MODE_FORWARD,
		  { "192.0.2.1@53", "2001:db8::1@53" },
		  NULL },
		{ "", DNS_MODE_AUTO, DNS_MODE_RECURSE, { NULL }, NULL },
		{ "", DNS_MODE_FORWARD, DNS_MODE_FORWARD, { NULL }, "names no nameserver" },
		{ "nameservers 127.0.0.1\n", DNS_MODE_FORWARD, DNS_MODE_FORWARD, { NULL }, "names no nameserver" },
		{ "domain x\nnameserver resolver.example\n", DNS_MODE_FORWARD, DNS_MODE_FORWARD, { NULL }, "line 2" },
		{ "nameserver 127.0.0.1\n", DNS_MODE_RECURSE, DNS_MODE_RECURSE, { NULL }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_settings settings = settings_for(cases[i].mode);
		char *path = file_with(cases[i].text);
		struct unbound_plan plan;
		struct err err = { "" };

		settings.resolv_conf = path;
		print_message("case %zu: %s", i, cases[i].text);
		int result = unbound_plan_make(&plan, &settings, &err);

		assert_int_equal(result, cases[i].refused != NULL ? -1 : 0);
		file_gone(path);
		if (cases[i].refused != NULL) {
			assert_non_null(strstr(err.text, "dns.resolv_conf"));
			assert_non_null(strstr(err.text, cases[i].refused));
			continue;
		}
		assert_int_equal(plan.mode, cases[i].want_mode);
		for (size_t n = 0; n < FORWARD_CASES_MAX && (n == 0 || cases[i].want[n - 1] != NULL); n++) {
			assert_int_equal(plan.n_forward > n, cases[i].want[n] != NULL);
			if (cases[i].want[n] != NULL)
				assert_string_equal(plan.forward[n], cases[i].want[n]);
		}
	}
}

static void no_resolv_conf(void **state)
{
	struct dns_settings settings = settings_for(DNS_MODE_AUTO);
	struct unbound_plan plan;
	struct err err = { "" };

	(void)state;
	assert_int_equal(unbound_plan_make(&plan, &settings, &err), 0);
	assert_int_equal(plan.mode, DNS_MODE_RECURSE);
	settings.mode = DNS_MODE_FORWARD;
	assert_int_equal(unbound_plan_make(&plan, &settings, &err), -1);
	assert_non_null(strstr(err.text, "dns.resolv_conf"));
}

static void mode_and_addresses_disagree(void **state)
{
	static const char *const forward[] = { "192.0.2.53" };
	static const enum dns_mode modes[] = { DNS_MODE_AUTO, DNS_MODE_RECURSE };

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct dns_settings settings = settings_for(modes[i]);
		struct unbound_plan plan;
		struct err err = { "" };

		settings.forward = forward;
		settings.n_forward = 1;
		assert_int_equal(unbound_plan_make(&plan, &settings, &err), -1);
		assert_non_null(strstr(err.text, "dns.forward"));
		assert_non_null(strstr(err.text, "dns.mode"));
	}
}

static void files(void **state)
{
	static const struct {
		const char *text; /* NULL: a directory */
		const char *refused;
	} cases[] = {
		{ ". 3600 IN NS ns.example.\n", NULL },
		{ "; comment\n\n \t\n. 3600 IN NS ns.example.", NULL },
		{ "; comment\n\n \t\n", "no records" },
		{ "", "no records" },
		{ NULL, "directory" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		const char *text = cases[i / 2].text;
		char *path = text != NULL ? file_with(text) : strdup("/tmp");
		struct dns_settings settings = settings_for(DNS_MODE_RECURSE);
		struct unbound_plan plan;
		struct err err = { "" };

		*(i % 2 == 0 ? &settings.root_hints : &settings.trust_anchor) = path;
		int result = unbound_plan_make(&plan, &settings, &err);

		assert_int_equal(result, cases[i / 2].refused != NULL ? -1 : 0);
		if (cases[i / 2].refused != NULL) {
			assert_non_null(strstr(err.text, i % 2 == 0 ? "dns.root_hints" : "dns.trust_anchor"));
			assert_non_null(strstr(err.text, cases[i / 2].refused));
			assert_non_null(strstr(err.text, path));
		}
		if (text != NULL)
			unlink(path);
		free(path);
	}
}

/* Whatever the limit, ports, TCP slots and a share for the rest of the process fit below it. */
static void ports_fit(void **state)
{
	(void)state;
	assert_int_equal(unbound_ports_for(-1), UNBOUND_PORTS_WANTED);
	assert_int_equal(unbound_ports_for(65536), UNBOUND_PORTS_WANTED);
	assert_int_equal(unbound_ports_for(unbound_file_limit_wanted()), UNBOUND_PORTS_WANTED);
	assert_true(unbound_ports_for(unbound_file_limit_wanted() - 1) < UNBOUND_PORTS_WANTED);
	for (long limit = 256; limit < unbound_file_limit_wanted(); limit++) {
		int ports = unbound_ports_for(limit);

		assert_true(ports >= UNBOUND_PORTS_LEAST);
		assert_true(ports + UNBOUND_TCP_SLOTS + (limit / 2 < 1024 ? limit / 2 : 1024) <= limit);
	}
	assert_int_equal(unbound_ports_for(0), UNBOUND_PORTS_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_addresses),
		cmocka_unit_test(too_many_forwarders),
		cmocka_unit_test(resolv_conf),
		cmocka_unit_test(no_resolv_conf),
		cmocka_unit_test(mode_and_addresses_disagree),
		cmocka_unit_test(files),
		cmocka_unit_test(ports_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
