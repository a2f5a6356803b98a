/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dns_wake - a session that waits for something beside DNS: it sleeps though no question is open, is woken from
 * another thread, and no waking is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns.h"

#define FAR_MS   60000 /* a test that comes to this has failed */
#define SHORT_MS 50

static int open_session(void **state)
{
	struct dns_settings settings = dns_default_settings();
	struct err err = { "" };
	static struct dns *dns;

	settings.mode = DNS_MODE_ZONE;
	settings.zone_file = "/dev/null";
	dns = dns_open(&settings, &err);
	assert_non_null(dns);
	*state = &dns;
	return 0;
}

static int close_session(void **state)
{
	dns_close(*state);
	return 0;
}

static void *wake(void *session)
{
	usleep(SHORT_MS * 1000);
	dns_session_wake(session);
	return NULL;
}

static void test_held(void **state)
{
	struct dns **dns = *state;
	struct dns_session *session = dns_session_open(*dns);
	clock_ms began = clock_now();

	assert_true(dns_session_wait(session, began + FAR_MS)); /* nothing is waited for */
	dns_session_hold(session);
	assert_int_equal(dns_session_outstanding(session), 0);
	assert_false(dns_session_wait(session, clock_now() + SHORT_MS));
	assert_true(clock_now() - began >= SHORT_MS);
	dns_session_hold(session);
	dns_session_let_go(session);
	assert_false(dns_session_wait(session, clock_now() + SHORT_MS));
	dns_session_let_go(session);
	assert_true(dns_session_wait(session, clock_now() + FAR_MS));
	assert_true(clock_now() - began < FAR_MS);
	dns_session_close(&session);
}

static void test_woken(void **state)
{
	struct dns **dns = *state;
	struct dns_session *session = dns_session_open(*dns);
	const clock_ms began = clock_now();
	pthread_t thread;

	dns_session_hold(session);
	assert_int_equal(pthread_create(&thread, NULL, wake, session), 0);
	assert_true(dns_session_wait(session, began + FAR_MS));
	assert_true(clock_now() - began < FAR_MS);
	pthread_join(thread, NULL);
	/* before the wait: not lost, and heard once */
	dns_session_wake(session);
	assert_true(dns_session_wait(session, clock_now() + FAR_MS));
	assert_true(clock_now() - began < FAR_MS);
	assert_false(dns_session_wait(session, clock_now() + SHORT_MS));
	dns_session_let_go(session);
	dns_session_close(&session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_woken),
	};
	return cmocka_run_group_tests(tests, open_session, close_session);
}
