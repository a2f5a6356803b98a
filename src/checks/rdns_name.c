/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/rdns_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "dns/name.h"

#define HEAD_SIZE       (DNS_WIRE_MAX + 1) /* a name is no longer than that once its escapes are one octet each */
#define NUMBERS_MAX     128                /* as many as fit into a name with something between them */
#define V4_OCTETS       4
#define V6_OCTETS       16
#define V6_GROUPS       8
#define HALF_DIGITS_MIN 4 /* hex digits other than 0 that half an IPv6 address needs to be recognised by itself */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '_';
}

/* The name in lower case, with ' ' for each escaped octet, without its last two labels: "" when it has no more. */
static void take_head(const char *name, char head[HEAD_SIZE])
{
	size_t n = 0;
	int dots = 0;

	while (*name != '\0' && n < HEAD_SIZE - 1) {
		bool escaped = name[0] == '\\' && is_digit(name[1]) && is_digit(name[2]) && is_digit(name[3]);
		char c = *name;
		name += escaped ? 4 : 1;
		head[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (escaped)
			head[n - 1] = ' ';
	}
	if (n > 0 && head[n - 1] == '.')
		n--;
	while (n > 0 && dots < 2) {
		if (head[--n] == '.')
			dots++;
	}
	head[n] = '\0';
}

/* ---- words ---- */

static int kind_of(char c)
{
	return is_letter(c) ? 1 : is_digit(c) ? 2 : 0;
}

/* As a whole part: in front and behind is another kind (letter, digit, anything else) than the word's ends. */
static bool has_word(const char *head, const char *word)
{
	size_t length = strlen(word);

	if (length == 0)
		return false;
	for (const char *at = strstr(head, word); at != NULL; at = strstr(at + 1, word)) {
		bool begins = at == head || kind_of(at[-1]) != kind_of(at[0]);
		if (begins && kind_of(at[length]) != kind_of(at[length - 1]))
			return true;
	}
	return false;
}

static bool has_any_word(const char *head, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (has_word(head, words[i]))
			return true;
	}
	return false;
}

bool rdns_word_is_valid(const char *word)
{
	size_t length = strlen(word);

	if (length == 0 || length > RDNS_WORD_OCTETS_MAX || word[0] == '-' || word[length - 1] == '-')
		return false;
	for (; *word != '\0'; word++) {
		if (!is_letter(*word) && !is_digit(*word) && *word != '-')
			return false;
	}
	return true;
}

/* ---- addresses, either family ---- */

static void write_hex(const struct ip *ip, size_t n, bool backwards, bool nibbles, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		unsigned octet = ip->octets[backwards ? n - 1 - i : i];
		unsigned high = octet >> 4, low = octet & 15;
		*text++ = digits[nibbles ? low : high];
		*text++ = digits[nibbles ? high : low];
	}
	*text = '\0';
}

/* The head without what separates its parts: "cb00-7107" and "7.0.1.7.0.0.b.c" are one run of hex digits then. */
static void compact(const char *head, char text[HEAD_SIZE])
{
	for (; *head != '\0'; head++) {
		if (!is_separator(*head))
			*text++ = *head;
	}
	*text = '\0';
}

/* ---- IPv4 ---- */

/* A run of digits. */
struct number {
	const char *at;
	size_t n;
	unsigned value; /* of up to three digits; more: 1000 */
};

static size_t find_numbers(const char *head, struct number numbers[NUMBERS_MAX])
{
	size_t n = 0;

	while (*head != '\0' && n < NUMBERS_MAX) {
		struct number number = { head, 0, 0 };
		while (is_digit(head[number.n])) {
			number.value = number.n < 3 ? number.value * 10 + (unsigned)(head[number.n] - '0') : 1000;
			number.n++;
		}
		if (number.n > 0)
			numbers[n++] = number;
		head += number.n > 0 ? number.n : 1;
	}
	return n;
}

/* Side by side: with one or two separators, or one 'x', between them. */
static bool are_neighbours(const struct number *left, const struct number *right)
{
	const char *gap = left->at + left->n;
	size_t n = (size_t)(right->at - gap);

	if (n == 1)
		return is_separator(gap[0]) || gap[0] == 'x';
	return n == 2 && is_separator(gap[0]) && is_separator(gap[1]);
}

/* How many neighbours from `numbers` on are the octets from `first` on, in the direction of `step`. */
static size_t count_octets(const struct number *numbers, size_t n, const struct ip *ip, int first, int step)
{
	size_t found = 0;

	for (int octet = first; found < n && octet >= 0 && octet < V4_OCTETS; octet += step, found++) {
		if (numbers[found].value != ip->octets[octet])
			break;
		if (found > 0 && !are_neighbours(&numbers[found - 1], &numbers[found]))
			break;
	}
	return found;
}

/* Two of one digit each, as in mx2-1, are no address: servers are numbered like that. */
static bool is_telling(const struct number *numbers, size_t found)
{
	return found >= 3 || (found == 2 && (numbers[0].value >= 10 || numbers[1].value >= 10));
}

static bool has_octets(const struct number *numbers, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i + 1 < n; i++) {
		for (int first = 0; first < V4_OCTETS; first++) {
			if (is_telling(&numbers[i], count_octets(&numbers[i], n - i, ip, first, 1)) ||
			    is_telling(&numbers[i], count_octets(&numbers[i], n - i, ip, first, -1)))
				return true;
		}
	}
	return false;
}

static bool number_is(const struct number *number, const char *text, size_t n)
{
	return number->n == n && memcmp(number->at, text, n) == 0;
}

/* Two or more octets as three digits each and nothing between them: 203000113007, 113007. */
static bool is_padded(const struct number *number, const char padded[3 * V4_OCTETS + 1])
{
	for (size_t first = 0; first + 1 < V4_OCTETS; first++) {
		for (size_t octets = 2; first + octets <= V4_OCTETS; octets++) {
			if (number_is(number, padded + 3 * first, 3 * octets))
				return true;
		}
	}
	return false;
}

/* The whole address in one number: its octets as they are (20301137), or one of 32 bits. */
static bool has_joined(const struct number *numbers, size_t n, const struct ip *ip)
{
	const uint8_t *o = ip->octets;
	char padded[2][3 * V4_OCTETS + 1], plain[3][3 * V4_OCTETS + 1];
	uint32_t whole = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];

	snprintf(padded[0], sizeof(padded[0]), "%03u%03u%03u%03u", o[0], o[1], o[2], o[3]);
	snprintf(padded[1], sizeof(padded[1]), "%03u%03u%03u%03u", o[3], o[2], o[1], o[0]);
	snprintf(plain[0], sizeof(plain[0]), "%u%u%u%u", o[0], o[1], o[2], o[3]);
	snprintf(plain[1], sizeof(plain[1]), "%u%u%u%u", o[3], o[2], o[1], o[0]);
	snprintf(plain[2], sizeof(plain[2]), "%" PRIu32, whole);
	for (size_t i = 0; i < n; i++) {
		if (is_padded(&numbers[i], padded[0]) || is_padded(&numbers[i], padded[1]))
			return true;
		for (size_t p = 0; p < COUNT(plain); p++) {
			if (numbers[i].n >= 6 && number_is(&numbers[i], plain[p], strlen(plain[p])))
				return true;
		}
	}
	return false;
}

static bool has_hex(const char *head, const struct ip *ip)
{
	char text[HEAD_SIZE], hex[2 * V4_OCTETS + 1];

	compact(head, text);
	write_hex(ip, V4_OCTETS, false, false, hex);
	if (strstr(text, hex) != NULL)
		return true;
	write_hex(ip, V4_OCTETS, true, false, hex);
	return strstr(text, hex) != NULL;
}

static bool has_address4(const char *head, const struct ip *ip)
{
	struct number numbers[NUMBERS_MAX];
	size_t n = find_numbers(head, numbers);

	return has_octets(numbers, n, ip) || has_joined(numbers, n, ip) || has_hex(head, ip);
}

/* ---- IPv6 ---- */

static bool is_half(const char *text, const char *digits)
{
	char half[V6_OCTETS + 1];
	size_t telling = 0;

	memcpy(half, digits, V6_OCTETS);
	half[V6_OCTETS] = '\0';
	for (size_t i = 0; i < V6_OCTETS; i++)
		telling += half[i] != '0';
	return telling >= HALF_DIGITS_MIN && strstr(text, half) != NULL;
}

/* The network's or the interface's 64 bits as hex digits in a row, forwards or (as in ip6.arpa) backwards. */
static bool has_nibbles(const char *head, const struct ip *ip)
{
	char text[HEAD_SIZE], hex[2 * V6_OCTETS + 1];

	compact(head, text);
	for (int backwards = 0; backwards < 2; backwards++) {
		write_hex(ip, V6_OCTETS, backwards != 0, backwards != 0, hex);
		if (is_half(text, hex) || is_half(text, hex + V6_OCTETS))
			return true;
	}
	return false;
}

/* One group of up to four hex digits, a part by itself; its value, or -1. */
static long take_group(const char *head, const char *at)
{
	long value = 0;
	size_t n = 0;

	if (at != head && !is_separator(at[-1]))
		return -1;
	for (; is_hex(at[n]); n++) {
		if (n == 4)
			return -1;
		value = value * 16 + (is_digit(at[n]) ? at[n] - '0' : at[n] - 'a' + 10);
	}
	return n > 0 && (at[n] == '\0' || is_separator(at[n])) ? value : -1;
}

/* Do three groups of the address, side by side from `at` on, at least two of them not zero, stand there? */
static bool has_groups_at(const char *head, const char *at, const struct ip *ip, int first, int step)
{
	size_t found = 0, telling = 0;

	for (int group = first; found < 3 && group >= 0 && group < V6_GROUPS; group += step, found++) {
		long value = take_group(head, at);
		if (value != (ip->octets[2 * group] << 8 | ip->octets[2 * group + 1]))
			return false;
		telling += value != 0;
		while (is_hex(*at))
			at++;
		at += *at != '\0';
	}
	return found == 3 && telling >= 2;
}

static bool has_groups(const char *head, const struct ip *ip)
{
	for (const char *at = head; *at != '\0'; at++) {
		if (take_group(head, at) < 0)
			continue;
		for (int first = 0; first < V6_GROUPS; first++) {
			if (has_groups_at(head, at, ip, first, 1) || has_groups_at(head, at, ip, first, -1))
				return true;
		}
	}
	return false;
}

/* Is the text, with ':' for each '-', this address? */
static bool is_address_text(const char *at, size_t n, const struct ip *ip)
{
	char text[IP_TEXT_MAX];
	struct ip found;

	if (n >= sizeof(text))
		return false;
	for (size_t i = 0; i < n; i++)
		text[i] = at[i] == '-' ? ':' : at[i];
	text[n] = '\0';
	return ip_parse(&found, text) && ip_equal(&found, ip);
}

/* "2001-db8--7": the short form, with hyphens for colons, anywhere between two separators. */
static bool has_short_form(const char *head, const struct ip *ip)
{
	const char *pair = strstr(head, "--");

	if (pair == NULL)
		return false;
	for (const char *at = head; *at != '\0'; at++) {
		if (!is_hex(*at) || (at != head && !is_separator(at[-1])))
			continue;
		for (size_t n = 1; n < IP_TEXT_MAX && (is_hex(at[n - 1]) || at[n - 1] == '-'); n++) {
			if ((at[n] == '\0' || is_separator(at[n])) && is_address_text(at, n, ip))
				return true;
		}
	}
	return false;
}

static bool has_address6(const char *head, const struct ip *ip)
{
	return has_nibbles(head, ip) || has_groups(head, ip) || has_short_form(head, ip);
}

/* ---- the whole ---- */

unsigned rdns_name_traits(const char *name, const struct ip *ip, const struct rdns_words *words)
{
	char head[HEAD_SIZE];
	unsigned traits = 0;

	take_head(name, head);
	if ((ip->family == 4 && has_address4(head, ip)) || (ip->family == 6 && has_address6(head, ip)))
		traits |= RDNS_NAME_GENERIC;
	if (has_any_word(head, words->dynamic, words->n_dynamic) && !has_any_word(head, words->fixed, words->n_fixed))
		traits |= RDNS_NAME_DYNAMIC;
	return traits;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t rdns_names_take(const struct dns_answer *answer, const char **names, size_t max, bool *more)
{
	const char *all[DNS_RECORDS_MAX];
	size_t n_all = 0, n = 0;

	*more = false;
	for (size_t i = 0; i < answer->n_records && n_all < COUNT(all); i++) {
		if (answer->records[i].name != NULL)
			all[n_all++] = answer->records[i].name;
	}
	if (n_all == 0)
		return 0;
	qsort(all, n_all, sizeof(all[0]), compare_names);
	for (size_t i = 0; i < n_all && !*more; i++) {
		if (i > 0 && strcmp(all[i], all[i - 1]) == 0)
			continue;
		if (n < max)
			names[n++] = all[i];
		else
			*more = true;
	}
	return n;
}
