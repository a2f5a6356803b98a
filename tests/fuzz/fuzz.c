/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - the table of targets, and what they share.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mail/utf8.h"

const struct fuzz_row fuzz_rows[] = {
	{ "address", fuzz_address, 2048 },
	{ "author", fuzz_author, 2048 },
	{ "authres", fuzz_authres, 2048 },
	{ "banner", fuzz_banner, 4096 },
	{ "config", fuzz_config, 4096 },
	{ "date", fuzz_date, 256 },
	{ "dkim_body", fuzz_dkim_body, 4096 },
	{ "dkim_key", fuzz_dkim_key, 2048 },
	{ "dkim_message", fuzz_dkim_message, 4096 },
	{ "dkim_signature", fuzz_dkim_signature, 2048 },
	{ "dmarc_record", fuzz_dmarc_record, 512 },
	{ "dns_name", fuzz_dns_name, 1200 },
	{ "dns_packet", fuzz_dns_packet, 2048 },
	{ "domain", fuzz_domain, 512 },
	{ "encoded_word", fuzz_encoded_word, 512 },
	{ "fields", fuzz_fields, 4096 },
	{ "header_text", fuzz_header_text, 1024 },
	{ "mime", fuzz_mime, 4096 },
	{ "msgid", fuzz_msgid, 512 },
	{ "session", fuzz_session, 8192 },
	{ "spf_macro", fuzz_spf_macro, 1024 },
	{ "spf_record", fuzz_spf_record, 2048 },
	{ "tags", fuzz_tags, 1024 },
	{ "zone_file", fuzz_zone_file, 4096 },
};
const size_t fuzz_n_rows = COUNT(fuzz_rows);

/* libconfig 1.5 loses the string that it was reading when a file has a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

const struct fuzz_row *fuzz_find(const char *name)
{
	for (size_t i = 0; i < fuzz_n_rows; i++)
		if (strcmp(fuzz_rows[i].name, name) == 0)
			return &fuzz_rows[i];
	return NULL;
}

void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

uint8_t fuzz_octet(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

uint8_t *fuzz_copy(const uint8_t *octets, size_t length)
{
	/* A block of no octets would have room for one. */
	uint8_t *copy = malloc(length);

	if (length > 0)
		memcpy(copy, octets, length);
	return copy;
}

/* Terminated, and not an octet longer than its text. */
static char *text_of(const uint8_t *octets, size_t length)
{
	const size_t n = strnlen((const char *)octets, length);
	char *text = memory_new(n + 1);

	memcpy(text, octets, n);
	return text;
}

char *fuzz_line(struct fuzz_input *input)
{
	const uint8_t *end = input->left > 0 ? memchr(input->at, '\n', input->left) : NULL;
	const size_t length = end ? (size_t)(end - input->at) : input->left;
	char *text = length > 0 ? text_of(input->at, length) : memory_new(1);

	input->at += length + (end != NULL);
	input->left -= length + (end != NULL);
	return text;
}

char *fuzz_rest(struct fuzz_input *input)
{
	char *text = input->left > 0 ? text_of(input->at, input->left) : memory_new(1);

	input->at += input->left;
	input->left = 0;
	return text;
}

bool fuzz_is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

bool fuzz_is_clean(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end) {
		const bool is_plain = *text >= 0x20 && *text <= 0x7e;
		const size_t n = is_plain ? 1 : utf8_octets(text, end);
		if (n == 0)
			return false;
		text += n;
	}
	return true;
}

bool fuzz_is_terminated(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}
