/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mail - fuzz targets: tag lists, addresses, authors, dates, identifiers, encoded words, domains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/ip.h"
#include "fuzz.h"
#include "mail/address.h"
#include "mail/author.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/idn.h"
#include "mail/msgid.h"
#include "mail/suffix.h"
#include "mail/tags.h"

#define PROBLEM_SIZE 300

/* ---- tag lists ---- */

static void check_items(const struct tag *tag)
{
	struct tag_item item;
	size_t offset = 0, n = 0;

	while (tag_next_item(tag, &offset, &item)) {
		FUZZ_CHECK(item.text >= tag->value && item.text + item.octets <= tag->value + tag->value_octets);
		FUZZ_CHECK(n++ <= tag->value_octets);
	}
	FUZZ_CHECK(n > 0);
}

static void check_base64(const struct tag *tag)
{
	uint8_t *out = malloc(tag->value_octets);
	const long n = base64_decode(tag->value, tag->value_octets, out, tag->value_octets);

	FUZZ_CHECK(n >= -1 && n <= (long)(tag->value_octets * 3 / 4));
	/* With less room than it needs it is refused, not cut. */
	if (n > 0)
		FUZZ_CHECK(base64_decode(tag->value, tag->value_octets, out, (size_t)n - 1) == -1);
	free(out);
}

static void check_tag(const struct tag_list *list, const struct tag *tag)
{
	char *name = memory_new(tag->name_octets + 1);
	uint64_t number;

	memcpy(name, tag->name, tag->name_octets);
	FUZZ_CHECK(tag->name_octets > 0 && strlen(name) == tag->name_octets);
	FUZZ_CHECK(tags_find(list, name) == tag); /* no name twice */
	if (tag_number(tag, 3, &number))
		FUZZ_CHECK(number <= 999);
	check_items(tag);
	check_base64(tag);
	free(name);
}

void fuzz_tags(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	const bool utf8 = fuzz_octet(&input) & 1;
	uint8_t *copy = fuzz_copy(input.at, input.left);
	struct tag_list *list = memory_new(sizeof(*list)), *again = memory_new(sizeof(*again));
	char memory[PROBLEM_SIZE];
	struct strbuf problem, printed;
	char *text = memory_new(length + 2 * TAGS_MAX + 1);

	strbuf_open(&problem, memory, sizeof(memory));
	strbuf_open(&printed, text, length + 2 * TAGS_MAX + 1);
	const int result = tags_parse(list, (const char *)copy, input.left, utf8, &problem);
	FUZZ_CHECK(list->n <= TAGS_MAX);
	FUZZ_CHECK(result == 0 || (problem.length > 0 && fuzz_is_printable(memory)));
	for (size_t i = 0; i < list->n; i++) {
		check_tag(list, &list->tags[i]);
		strbuf_add_octets(&printed, list->tags[i].name, list->tags[i].name_octets);
		strbuf_add(&printed, "=");
		strbuf_add_octets(&printed, list->tags[i].value, list->tags[i].value_octets);
		strbuf_add(&printed, ";");
	}
	/* What could be read reads the same once more. */
	if (list->n > 0)
		FUZZ_CHECK(tags_parse(again, text, printed.length, utf8, &problem) == 0 && again->n == list->n);
	free(text);
	free(copy);
	free(list);
	free(again);
}

/* ---- addresses of the envelope ---- */

static void check_domain_matches(const struct address *address)
{
	char *pattern = memory_new(strlen(address->domain) + 2);

	pattern[0] = '@';
	memcpy(pattern + 1, address->domain, strlen(address->domain));
	FUZZ_CHECK(address_matches(address, pattern));
	free(pattern);
}

void fuzz_address(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *text = fuzz_line(&input), *pattern = fuzz_line(&input);
	struct address address, again;
	struct arena arena;

	arena_open(&arena, NULL);
	address_parse(&address, text, &arena);
	FUZZ_CHECK(address.text && address.local && address.domain);
	FUZZ_CHECK(strlen(address.text) <= ADDRESS_OCTETS_MAX);
	FUZZ_CHECK(!(address.null && address.valid));
	if (address.valid) {
		FUZZ_CHECK(strlen(address.local) > 0 && strlen(address.local) <= 64);
		FUZZ_CHECK(strlen(address.domain) <= DOMAIN_OCTETS_MAX && fuzz_is_printable(address.domain));
		/* Its own text is the same address. */
		address_parse(&again, address.text, &arena);
		FUZZ_CHECK(again.valid && strcmp(again.local, address.local) == 0 &&
		           strcmp(again.domain, address.domain) == 0);
		if (address.domain[0] && address.domain[0] != '[')
			check_domain_matches(&address);
	}
	(void)address_matches(&address, pattern);
	if (address.null)
		FUZZ_CHECK(!address_matches(&address, pattern));
	arena_close(&arena);
	free(text);
	free(pattern);
}

/* ---- From and Sender ---- */

static void print_quoted(struct strbuf *text, const char *from, size_t octets, const char *special)
{
	for (size_t i = 0; i < octets; i++) {
		if (strchr(special, from[i]))
			strbuf_add(text, "\\");
		strbuf_add_octets(text, from + i, 1);
	}
}

static void print_author(struct strbuf *text, const struct author *author)
{
	for (size_t i = 0; i < author->n; i++) {
		const char *local = author->addresses[i].local, *domain = author->addresses[i].domain;
		strbuf_add(text, i ? ", \"" : "\"");
		print_quoted(text, local, strlen(local), "\"\\");
		strbuf_add(text, "\"@");
		if (domain[0] == '[') {
			strbuf_add(text, "[");
			print_quoted(text, domain + 1, strlen(domain) - 2, "]\\");
			strbuf_add(text, "]");
		} else {
			strbuf_add(text, domain);
		}
	}
}

/* Plainly written, a valid list has the same addresses. */
static void check_author_printed(const struct author *author, struct arena *arena)
{
	struct author *again = arena_alloc(arena, sizeof(*again));
	char *memory = arena_alloc(arena, 4 * AUTHOR_OCTETS_MAX);
	struct strbuf text;

	strbuf_open(&text, memory, 4 * AUTHOR_OCTETS_MAX);
	print_author(&text, author);
	if (text.length > AUTHOR_OCTETS_MAX || text.truncated || author->n != author->n_found)
		return;
	author_parse(again, memory, arena);
	FUZZ_CHECK(again->n == author->n);
	for (size_t i = 0; i < author->n; i++)
		FUZZ_CHECK(strcmp(again->addresses[i].local, author->addresses[i].local) == 0 &&
		           strcmp(again->addresses[i].domain, author->addresses[i].domain) == 0);
}

void fuzz_author(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *text = fuzz_rest(&input);
	struct author *author = memory_new(sizeof(*author));
	struct arena arena;

	arena_open(&arena, NULL);
	author_parse(author, text, &arena);
	FUZZ_CHECK(author->n <= AUTHOR_ADDRESSES_MAX && author->n <= author->n_found);
	for (size_t i = 0; i < author->n; i++) {
		FUZZ_CHECK(fuzz_is_clean(author->addresses[i].local));
		FUZZ_CHECK(author->addresses[i].domain[0] && fuzz_is_clean(author->addresses[i].domain));
	}
	if (author->valid) {
		FUZZ_CHECK(strlen(text) <= AUTHOR_OCTETS_MAX);
		check_author_printed(author, &arena);
	}
	arena_close(&arena);
	free(author);
	free(text);
}

/* ---- dates ---- */

#define YEAR_1900_S  (-2208988800) /* 1900-01-01 00:00 UTC */
#define YEAR_10000_S 253402300800
#define DAY_S        86400

void fuzz_date(const uint8_t *octets, size_t length)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct fuzz_input input = { octets, length };
	char *text = fuzz_rest(&input), printed[64];
	int64_t seconds = INT64_MIN, again = 0;
	struct tm broken;
	const enum date_state state = date_parse(text, &seconds);

	free(text);
	if (state == DATE_INVALID)
		return;
	FUZZ_CHECK(seconds >= YEAR_1900_S - DAY_S && seconds < YEAR_10000_S + DAY_S);
	if (seconds < YEAR_1900_S || seconds >= YEAR_10000_S)
		return; /* its zone has carried it out of what can be written in UTC */
	/* The system's calendar agrees, and with ours the weekday. */
	const time_t point = (time_t)seconds;
	FUZZ_CHECK(gmtime_r(&point, &broken));
	snprintf(printed, sizeof(printed), "%s, %d %s %d %02d:%02d:%02d +0000", days[(broken.tm_wday + 3) % 7],
	         broken.tm_mday, months[broken.tm_mon], broken.tm_year + 1900, broken.tm_hour, broken.tm_min,
	         broken.tm_sec);
	FUZZ_CHECK(date_parse(printed, &again) == DATE_FINE && again == seconds);
}

/* ---- Message-ID ---- */

void fuzz_msgid(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *text = fuzz_rest(&input);
	const size_t n = strlen(text);
	char *spaced = memory_new(n + 16);

	/* White space and comments around it change nothing. */
	snprintf(spaced, n + 16, " (a)\n\t%s (b)\n", text);
	if (msgid_is_valid(text)) {
		FUZZ_CHECK(strchr(text, '<') && strchr(text, '@') && strchr(text, '>'));
		FUZZ_CHECK(msgid_is_valid(spaced));
	}
	free(spaced);
	free(text);
}

/* ---- encoded words ---- */

void fuzz_encoded_word(const uint8_t *octets, size_t length)
{
	uint8_t *copy = fuzz_copy(octets, length), *behind = malloc(length + 6);
	const char *fault = encoded_word_fault((const char *)copy, length);

	FUZZ_CHECK(!fault || (fault[0] && fuzz_is_printable(fault)));
	/* Plain words in front change nothing. */
	memcpy(behind, "Hello ", 6);
	if (length > 0)
		memcpy(behind + 6, octets, length);
	const char *again = encoded_word_fault((const char *)behind, length + 6);
	FUZZ_CHECK((again == NULL) == (fault == NULL) && (!fault || strcmp(fault, again) == 0));
	free(behind);
	free(copy);
}

/* ---- domains and addresses of hosts: two lines ---- */

static void check_suffix(const char *domain)
{
	const char *organisation = suffix_organisation(domain);
	const char *end = domain + strlen(domain);

	/* What is no host name is only looked at: it is none of the list's business. */
	if (organisation && domain_is_hostname(domain) && !domain[strcspn(domain, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")]) {
		FUZZ_CHECK(organisation >= domain && organisation < end);
		FUZZ_CHECK(organisation == domain || organisation[-1] == '.');
		FUZZ_CHECK(suffix_organisation(organisation) == organisation);
		FUZZ_CHECK(suffix_same_organisation(domain, organisation));
	}
	(void)suffix_is_public(domain);
}

static void check_ip(const char *text)
{
	char shown[NET_TEXT_MAX];
	struct ip ip, again;
	struct net net, same;

	if (ip_parse(&ip, text)) {
		FUZZ_CHECK(ip.family == 4 || ip.family == 6);
		FUZZ_CHECK(ip_parse(&again, ip_format(&ip, shown)) && ip_equal(&ip, &again));
	}
	if (net_parse(&net, text)) {
		FUZZ_CHECK(net_contains(&net, &net.ip));
		FUZZ_CHECK(net_parse(&same, net_format(&net, shown)) && same.bits == net.bits &&
		           ip_equal(&net.ip, &same.ip));
	}
}

void fuzz_domain(const uint8_t *octets, size_t length)
{
	struct fuzz_input input = { octets, length };
	char *a = fuzz_line(&input), *b = fuzz_line(&input);
	char ascii[IDN_DOMAIN_OCTETS_MAX], again[IDN_DOMAIN_OCTETS_MAX];
	const bool is_idn = idn_to_ascii(a, ascii);

	FUZZ_CHECK(fuzz_is_terminated(ascii, sizeof(ascii)));
	if (is_idn) {
		FUZZ_CHECK(fuzz_is_printable(ascii) || !fuzz_is_clean(a));
		/* Two dots at the end make no name: one of them goes each time. */
		if (!strstr(a, ".."))
			FUZZ_CHECK(idn_to_ascii(ascii, again) && strcmp(ascii, again) == 0 && idn_equal(a, ascii));
		check_suffix(ascii);
	}
	FUZZ_CHECK(idn_equal(a, a));
	FUZZ_CHECK(idn_equal(a, b) == idn_equal(b, a));
	FUZZ_CHECK(suffix_same_organisation(a, b) == suffix_same_organisation(b, a));
	if (domain_is_hostname(a))
		FUZZ_CHECK(strlen(a) <= DOMAIN_OCTETS_MAX && fuzz_is_printable(a) && strchr(a, '.'));
	check_suffix(a);
	check_ip(a);
	free(a);
	free(b);
}
