/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages that a stranger made to do harm: malformed, endless, mutated at random. */
#include "packet_fixture.h"

#define MUTATIONS 300000

static void test_malformed_records(void **state)
{
	static const struct {
		const char *what;
		enum dns_type type;
		const char *rdata;
		size_t octets;
	} cases[] = {
		{ "A of three octets", DNS_A, "\300\0\2", 3 },
		{ "A of five octets", DNS_A, "\300\0\2\1\1", 5 },
		{ "AAAA of four octets", DNS_AAAA, "\300\0\2\1", 4 },
		{ "string beyond the record", DNS_TXT, "\3ab", 3 },
		{ "second string beyond the record", DNS_TXT, "\2ab\1", 4 },
		{ "MX without a name", DNS_MX, "\0\12", 2 },
		{ "MX of one octet", DNS_MX, "\0", 1 },
		{ "name without its root", DNS_PTR, "\1a", 2 },
		{ "more behind the name", DNS_PTR, "\1a\0x", 4 },
		{ "pointer to itself", DNS_PTR, "\300\47", 2 },
		{ "pointer ahead", DNS_PTR, "\300\377", 2 },
		{ "pointer into the header, to a label beyond", DNS_PTR, "\300\2", 2 },
		{ "reserved label type", DNS_PTR, "\200a\0", 3 },
		{ "half a pointer", DNS_PTR, "\300", 1 },
		{ "SOA without numbers", DNS_SOA, "\0\0", 2 },
		{ "SOA cut short", DNS_SOA, "\0\0aaaabbbbccccddddeee", 21 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer_block block;
		struct message m;
		open_message(&m, "h.example", cases[i].type);
		add(&m, PACKET_ANSWER, "h.example", cases[i].type, 300, cases[i].rdata, cases[i].octets);
		if (read_message(&m, &block))
			fail_msg("%s: was taken", cases[i].what);
		assert_null(block.answer);
	}
}

static void good_message(struct message *m)
{
	open_message(m, "h.example", DNS_A);
	add(m, PACKET_ANSWER, "h.example", DNS_A, 300, "\300\0\2\1", 4);
}

static void test_malformed_headers(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
	} cases[] = {
		{ "a question", 2, 0x01 },
		{ "truncated", 2, 0x83 },
		{ "another opcode", 2, 0xa1 },
		{ "SERVFAIL", 3, 0x82 },
		{ "REFUSED", 3, 0x85 },
		{ "NXDOMAIN with records", 3, 0x83 },
		{ "no question", 5, 0 },
		{ "two questions", 5, 2 },
		{ "more answers than there are", 7, 2 },
		{ "thousands of answers", 6, 0xff },
		{ "another name", 13, 'x' },
		{ "another type", 24, 28 },
		{ "another class", 26, 3 },
	};
	struct answer_block block;
	struct message m;

	(void)state;
	good_message(&m);
	assert_true(read_message(&m, &block));
	free(block.answer);
	for (size_t i = 0; i < COUNT(cases); i++) {
		good_message(&m);
		m.octets[cases[i].at] = cases[i].value;
		if (read_message(&m, &block))
			fail_msg("%s: was taken", cases[i].what);
	}
	good_message(&m);
	for (size_t length = 0; length < m.writer.octets; length++)
		assert_false(read_octets(&m, m.octets, length, &block));
}

static void test_pointer_ahead_and_class(void **state)
{
	struct answer_block block;
	struct message m;

	(void)state;
	/* a name that stands further behind */
	open_message(&m, "h.example", DNS_A);
	const uint8_t ahead[2] = { 0xc0, (uint8_t)(m.writer.octets + 2 + 10 + 4) };
	packet_write_record(&m.writer, PACKET_ANSWER, ahead, sizeof ahead, DNS_A, 300, m.name, 4);
	add(&m, PACKET_ANSWER, "h.example", DNS_TXT, 300, "\1x", 2);
	assert_false(read_message(&m, &block));
	/* a record of another class is another record */
	good_message(&m);
	size_t class_at = m.writer.octets + m.name_octets + 3;
	add(&m, PACKET_ANSWER, "h.example", DNS_A, 1, "\300\0\2\2", 4);
	m.octets[class_at] = 3;
	assert_true(read_message(&m, &block));
	assert_int_equal(block.answer->n_records, 1);
	assert_int_equal(block.answer->ttl_s, 300);
	free(block.answer);
}

/* Thousands of pointers, each to the one before: legal, and only a way to make a reader work. */
static void test_pointer_chain(void **state)
{
	static uint8_t rdata[2000];
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "h.example", DNS_PTR);
	size_t begin = m.writer.octets + m.name_octets + 10;
	for (size_t i = 0; i + 2 <= sizeof rdata; i += 2) {
		size_t target = i == 0 ? 12 : begin + i - 2;
		rdata[i] = (uint8_t)(0xc0 | target >> 8);
		rdata[i + 1] = (uint8_t)target;
	}
	add(&m, PACKET_ANSWER, "h.example", (enum dns_type)99, 300, rdata, sizeof rdata);
	const uint8_t last[2] = { (uint8_t)(0xc0 | (begin + 1998) >> 8), (uint8_t)(begin + 1998) };
	add(&m, PACKET_ANSWER, "h.example", DNS_PTR, 300, last, 2);
	assert_false(read_message(&m, &block));
}

static void test_many_records(void **state)
{
	static uint8_t octets[DNS_ANSWER_OCTETS_MAX];
	struct answer_block block;
	struct message m;

	(void)state;
	open_message(&m, "h.example", DNS_A);
	packet_write_open(&m.writer, octets, sizeof octets, m.name, m.name_octets, DNS_A);
	for (int i = 0; i < 1000; i++) {
		const uint8_t address[4] = { 198, 51, (uint8_t)(i >> 8), (uint8_t)i };
		packet_write_record(&m.writer, PACKET_ANSWER, m.name, m.name_octets, DNS_A, 300, address, 4);
	}
	assert_true(packet_read(octets, m.writer.octets, m.name, m.name_octets, DNS_A, &block));
	assert_int_equal(block.answer->n_records, DNS_RECORDS_MAX);
	free(block.answer);
	/* a writer that is full says so, and harms nothing */
	for (int i = 0; i < 5000; i++)
		packet_write_record(&m.writer, PACKET_ANSWER, m.name, m.name_octets, DNS_A, 300, m.name, 4);
	assert_true(m.writer.full);
	assert_true(m.writer.octets <= sizeof octets);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* One message of each kind, from which the mutations start. */
static void seed_message(struct message *m, size_t kind)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_TXT, DNS_MX, DNS_PTR, DNS_NS, DNS_CNAME, DNS_SOA };

	open_message(m, "q.some.example", types[kind % COUNT(types)]);
	if (kind % 3 == 0 && m->type != DNS_CNAME)
		add_name(m, "q.some.example", DNS_CNAME, 60, "r.example");
	const char *owner = kind % 3 == 0 && m->type != DNS_CNAME ? "r.example" : "q.some.example";
	switch (m->type) {
	case DNS_A:
		add(m, PACKET_ANSWER, owner, DNS_A, 300, "\300\0\2\1", 4);
		break;
	case DNS_AAAA:
		add(m, PACKET_ANSWER, owner, DNS_AAAA, 300, "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		break;
	case DNS_TXT:
		add(m, PACKET_ANSWER, owner, DNS_TXT, 300, "\5v=xyz\0\3abc", 11);
		add(m, PACKET_ANSWER, owner, DNS_TXT, 300, "\5other", 6);
		break;
	case DNS_MX:
		add(m, PACKET_ANSWER, owner, DNS_MX, 300, "\0\12\2mx\300\16", 7);
		break;
	case DNS_SOA:
		add_soa(m, "some.example", 300, 60);
		break;
	default:
		add_name(m, owner, m->type, 300, "target.example");
		add(m, PACKET_ANSWER, owner, m->type, 300, "\2ns\300\14", 5);
	}
}

/* Everything that the answer says it has is there, and is what dns.h promises. */
static void walk(const struct answer_block *block)
{
	const struct dns_answer *answer = block->answer;
	size_t sum = 0;

	assert_true(answer->n_records <= DNS_RECORDS_MAX);
	assert_int_equal(answer->n_records != 0, answer->status == DNS_FOUND);
	for (size_t i = 0; i < answer->n_records; i++) {
		const struct dns_record *record = &answer->records[i];
		size_t strings = 0;
		for (const char *c = record->name; c != NULL && *c != '\0'; c++)
			assert_true(*c > 0x20 && *c < 0x7f);
		for (size_t k = 0; k < record->n_strings; k++)
			strings += record->string_octets[k];
		assert_int_equal(strings, record->octets);
		for (size_t k = 0; record->data != NULL && k <= record->octets; k++)
			sum += record->data[k];
		assert_true(record->data == NULL || record->data[record->octets] == 0);
	}
	assert_true(sum < SIZE_MAX);
}

static void test_mutations(void **state)
{
	uint64_t seed = 0x6d61696c72656576;
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < MUTATIONS; i++) {
		struct answer_block block;
		struct message m;
		seed_message(&m, i % 24);
		size_t length = m.writer.octets;
		for (uint64_t n = next_random(&seed) % 6; n > 0; n--) {
			/* mostly behind the question, or nothing would get far */
			size_t from = next_random(&seed) % 8 == 0 ? 0 : 32;
			size_t at = from + next_random(&seed) % (length - from);
			static const uint8_t telling[] = { 0, 1, 63, 64, 0x80, 0xc0, 0xff, 12, 2, 5 };
			uint64_t random = next_random(&seed);
			m.octets[at] = random % 2 == 0 ? (uint8_t)(random >> 8)
			                               : telling[(random >> 8) % sizeof telling];
		}
		if (next_random(&seed) % 8 == 0)
			length = next_random(&seed) % (length + 1);
		if (read_octets(&m, m.octets, length, &block)) {
			walk(&block);
			taken++;
		}
		free(block.answer);
	}
	/* neither everything nor nothing: the mutations reach the inside */
	assert_true(taken > MUTATIONS / 20 && taken < MUTATIONS - MUTATIONS / 20);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_records),
		cmocka_unit_test(test_malformed_headers),
		cmocka_unit_test(test_pointer_ahead_and_class),
		cmocka_unit_test(test_pointer_chain),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
