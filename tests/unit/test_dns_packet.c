/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read out of DNS messages that are as they should be. */
#include "packet_fixture.h"

static void test_addresses(void **state)
{
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "host.example", DNS_A);
	add(&m, PACKET_ANSWER, "HOST.example", DNS_A, 300, "\300\0\2\1", 4);
	add(&m, PACKET_ANSWER, "host.example", DNS_A, 200, "\300\0\2\2", 4);
	add(&m, PACKET_ANSWER, "host.example", DNS_A, 400, "\300\0\2\1", 4); /* again */
	add(&m, PACKET_ANSWER, "other.example", DNS_A, 1, "\300\0\2\3", 4);  /* not asked for */
	add(&m, PACKET_ANSWER, "host.example", DNS_TXT, 1, "\1x", 2);        /* nor this */
	add(&m, PACKET_ADDITIONAL, "host.example", DNS_A, 1, "\300\0\2\4", 4);
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->status, DNS_FOUND);
	assert_int_equal(block.answer->n_records, 2);
	assert_int_equal(block.answer->ttl_s, 200);
	assert_null(block.answer->canonical);
	assert_int_equal(block.answer->records[0].ip.octets[3], 1);
	assert_int_equal(block.answer->records[1].ip.octets[3], 2);
	assert_null(block.answer->records[0].name);
	free(block.answer);
}

static void test_chain(void **state)
{
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "a.example", DNS_A);
	add(&m, PACKET_ANSWER, "c.example", DNS_A, 300, "\300\0\2\1", 4); /* order does not matter */
	add_name(&m, "b.example", DNS_CNAME, 20, "C.example");
	add_name(&m, "a.example", DNS_CNAME, 400, "b.example");
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->status, DNS_FOUND);
	assert_string_equal(block.answer->canonical, "c.example");
	assert_int_equal(block.answer->ttl_s, 20);
	free(block.answer);

	open_message(&m, "a.example", DNS_CNAME);
	add_name(&m, "a.example", DNS_CNAME, 400, "b.example");
	assert_true(read_message(&m, &block));
	assert_string_equal(block.answer->records[0].name, "b.example");
	assert_null(block.answer->canonical);
	free(block.answer);

	/* the end of the chain does not exist */
	open_message(&m, "a.example", DNS_A);
	add_name(&m, "a.example", DNS_CNAME, 30, "gone.example.org");
	add_soa(&m, "example.org", 100, 60);
	packet_write_rcode(&m.writer, PACKET_NXDOMAIN);
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->why, DNS_WHY_NXDOMAIN);
	assert_int_equal(block.answer->ttl_s, 30);
	assert_string_equal(block.answer->canonical, "gone.example.org");
	free(block.answer);
}

static void test_chain_limits(void **state)
{
	struct answer_block block;
	struct message m;
	char from[32], to[32];

	(void)state;
	open_message(&m, "a.example", DNS_A);
	add_name(&m, "a.example", DNS_CNAME, 30, "b.example");
	add_name(&m, "b.example", DNS_CNAME, 30, "a.example");
	assert_false(read_message(&m, &block));
	assert_null(block.answer);

	for (int links = PACKET_CHAIN_MAX; links <= PACKET_CHAIN_MAX + 1; links++) {
		open_message(&m, "n0.example", DNS_A);
		for (int i = 0; i < links; i++) {
			snprintf(from, sizeof from, "n%d.example", i);
			snprintf(to, sizeof to, "n%d.example", i + 1);
			add_name(&m, from, DNS_CNAME, 30, to);
		}
		add(&m, PACKET_ANSWER, to, DNS_A, 30, "\300\0\2\1", 4);
		assert_int_equal(read_message(&m, &block), links == PACKET_CHAIN_MAX);
		free(block.answer);
	}
}

static void test_negative(void **state)
{
	static const struct {
		const char *soa_owner; /* NULL: no SOA */
		uint32_t soa_ttl_s;
		uint8_t minimum;
		enum packet_rcode rcode;
		uint32_t ttl_s;
	} cases[] = {
		{ "example", 300, 60, PACKET_NXDOMAIN, 60 },
		{ "example", 30, 60, PACKET_NOERROR, 30 },
		{ "host.example", 30, 60, PACKET_NOERROR, 30 },
		{ "", 30, 60, PACKET_NOERROR, 30 },
		{ "other.example", 30, 60, PACKET_NOERROR, 0 }, /* a zone that the name is not in */
		{ "xample", 30, 60, PACKET_NOERROR, 0 },
		{ "example", 0x80000000, 60, PACKET_NOERROR, 0 },
		{ NULL, 0, 0, PACKET_NXDOMAIN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer_block block;
		struct message m;
		open_message(&m, "host.example", DNS_AAAA);
		if (cases[i].soa_owner != NULL)
			add_soa(&m, cases[i].soa_owner, cases[i].soa_ttl_s, cases[i].minimum);
		packet_write_rcode(&m.writer, cases[i].rcode);
		assert_true(read_message(&m, &block));
		assert_int_equal(block.answer->status, DNS_NONE);
		assert_int_equal(block.answer->why,
		                 cases[i].rcode == PACKET_NXDOMAIN ? DNS_WHY_NXDOMAIN : DNS_WHY_NODATA);
		assert_int_equal(block.answer->ttl_s, cases[i].ttl_s);
		assert_int_equal(block.answer->n_records, 0);
		free(block.answer);
	}
}

/* RFC 2308 2.2: servers named, no SOA: somebody else is to be asked. Whose servers, and what else the message says. */
static void test_referral(void **state)
{
	static const char server[] = "\2ns\7example";
	static const struct {
		const char *cname_to; /* of host.example; NULL: no CNAME */
		const char *ns_owner; /* NULL: no NS */
		const char *soa_owner;
		enum packet_rcode rcode;
		bool answers;
	} cases[] = {
		{ NULL, "example", NULL, PACKET_NOERROR, false },
		{ NULL, "host.example", NULL, PACKET_NOERROR, false },
		{ NULL, "", NULL, PACKET_NOERROR, false }, /* upwards */
		{ "a.example.org", "example.org", NULL, PACKET_NOERROR, false },
		{ NULL, "example", "example", PACKET_NOERROR, true },       /* NODATA, type 1 */
		{ NULL, NULL, "example", PACKET_NOERROR, true },            /* type 2 */
		{ NULL, NULL, NULL, PACKET_NOERROR, true },                 /* type 3 */
		{ NULL, "example", NULL, PACKET_NXDOMAIN, true },           /* the rcode says enough */
		{ NULL, "example.org", NULL, PACKET_NOERROR, true },        /* of a zone that the name is not in */
		{ "a.example.org", "example", NULL, PACKET_NOERROR, true }, /* nor is the end of its chain */
		{ NULL, "example", "example.org", PACKET_NOERROR, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer_block block;
		struct message m;

		open_message(&m, "host.example", DNS_AAAA);
		if (cases[i].cname_to != NULL)
			add_name(&m, "host.example", DNS_CNAME, 30, cases[i].cname_to);
		if (cases[i].ns_owner != NULL)
			add(&m, PACKET_AUTHORITY, cases[i].ns_owner, DNS_NS, 300, server, sizeof server);
		if (cases[i].soa_owner != NULL)
			add_soa(&m, cases[i].soa_owner, 300, 60);
		packet_write_rcode(&m.writer, cases[i].rcode);
		assert_int_equal(read_message(&m, &block), cases[i].answers);
		assert_int_equal(block.answer != NULL, cases[i].answers);
		free(block.answer);
	}

	/* The records that were asked for are an answer, whoever else is named. */
	struct answer_block block;
	struct message m;

	open_message(&m, "example", DNS_NS);
	add(&m, PACKET_ANSWER, "example", DNS_NS, 300, server, sizeof server);
	add(&m, PACKET_AUTHORITY, "example", DNS_NS, 300, server, sizeof server);
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->status, DNS_FOUND);
	free(block.answer);
}

static void test_txt(void **state)
{
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "t.example", DNS_TXT);
	add(&m, PACKET_ANSWER, "t.example", DNS_TXT, 300, "\3one\0\4tw\0o", 10);
	add(&m, PACKET_ANSWER, "t.example", DNS_TXT, 300, "\4onet\3w\0o", 9); /* the same text, other strings */
	add(&m, PACKET_ANSWER, "t.example", DNS_TXT, 300, "\0", 1);
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->n_records, 3);
	const struct dns_record *record = &block.answer->records[0];
	assert_int_equal(record->octets, 7);
	assert_memory_equal(record->data, "onetw\0o", 8); /* terminated */
	assert_int_equal(record->n_strings, 3);
	assert_memory_equal(record->string_octets, "\3\0\4", 3);
	assert_int_equal(block.answer->records[2].octets, 0);
	assert_int_equal(block.answer->records[2].data[0], 0);
	/* a copy points into itself only */
	void *copy = memory_new(block.octets);
	struct dns_answer *answer = answer_copy(copy, &block);
	memset(block.answer, 0xee, block.octets);
	free(block.answer);
	assert_memory_equal(answer->records[0].data, "onetw\0o", 8);
	assert_memory_equal(answer->records[1].string_octets, "\4\3", 2);
	free(copy);
}

static void test_mail_and_pointers(void **state)
{
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "example.org", DNS_MX);
	/* the exchange is "mx" and a pointer to the question's name */
	add(&m, PACKET_ANSWER, "example.org", DNS_MX, 300, "\0\12\2Mx\300\14", 7);
	add(&m, PACKET_ANSWER, "example.org", DNS_MX, 300, "\0\0\0", 3);
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->records[0].preference, 10);
	assert_string_equal(block.answer->records[0].name, "mx.example.org");
	assert_string_equal(block.answer->records[1].name, ".");
	free(block.answer);

	open_message(&m, "7.113.0.203.in-addr.arpa", DNS_PTR);
	add(&m, PACKET_ANSWER, "7.113.0.203.in-addr.arpa", DNS_PTR, 300, "\5a\0b\n.\7example\0", 15);
	assert_true(read_message(&m, &block));
	assert_string_equal(block.answer->records[0].name, "a\\000b\\010\\046.example");
	free(block.answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),         cmocka_unit_test(test_chain),
		cmocka_unit_test(test_chain_limits),      cmocka_unit_test(test_negative),
		cmocka_unit_test(test_referral),          cmocka_unit_test(test_txt),
		cmocka_unit_test(test_mail_and_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
