/* SPDX-License-Identifier: BSD-2-Clause */
#include "dkim/signature.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "mail/idn.h"
#include "mail/tags.h"

#define LABEL_OCTETS_MAX      63
#define TIME_DIGITS_MAX       12  /* RFC 6376 3.5, t= and x= */
#define LENGTH_DIGITS_MAX     76  /* RFC 6376 3.5, l= */
#define IDENTITY_OCTETS_MAX   254 /* of i= as written: no address is longer (RFC 5321 4.5.3.1.3) */
#define ED25519_OCTETS        64  /* of a signature (RFC 8032 5.1.6) */
#define KEY_NAME_MIDDLE       "._domainkey."
#define DOMAIN_LABELS_MIN     2 /* RFC 6376 3.5, domain-name */
#define SELECTOR_LABELS_MIN   1
#define CLEAN_OCTETS_AN_OCTET 4 /* \xHH */

struct parse {
	struct dkim_signature *signature;
	struct arena *arena;
	struct strbuf *problem;
	bool failed; /* the first error is the one that is told; reading goes on for what the result names */
};

static void wrong(struct parse *parse, const char *tag, const char *what)
{
	if (!parse->failed)
		strbuf_addf(parse->problem, "%s= %s", tag, what);
	parse->failed = true;
}

/* ---- names of hosts ---- */

static bool is_label(const char *label, size_t octets)
{
	if (octets == 0 || octets > LABEL_OCTETS_MAX || label[0] == '-' || label[octets - 1] == '-')
		return false;
	for (size_t i = 0; i < octets; i++) {
		char c = label[i];
		/* "_" is no letter of a host name, but selectors and domains with it sign mail */
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

static bool is_host_name(const char *name, size_t labels_min)
{
	size_t labels = 0;

	for (;; name++) {
		size_t octets = strcspn(name, ".");
		if (!is_label(name, octets))
			return false;
		labels++;
		name += octets;
		if (*name == '\0')
			return labels >= labels_min;
	}
}

static bool is_ascii(const char *text, size_t octets)
{
	for (size_t i = 0; i < octets; i++) {
		if ((unsigned char)text[i] > 0x7f)
			return false;
	}
	return true;
}

/*
 * Each label beyond ASCII must have become an A-label: what mapping turns into plain letters or dots is no U-label. Nor
 * may a final dot have been dropped.
 */
static bool labels_correspond(const char *written, const char *ascii)
{
	for (;; written++, ascii++) {
		size_t octets = strcspn(written, ".");
		if (!is_ascii(written, octets) && strncmp(ascii, "xn--", strlen("xn--")) != 0)
			return false;
		written += octets;
		ascii += strcspn(ascii, ".");
		if (*written == '\0' || *ascii == '\0')
			return *written == *ascii;
	}
}

/* The name in lower-case A-labels; "": it is none. */
static const char *host_name(const char *text, size_t octets, size_t labels_min, struct arena *arena)
{
	char written[IDN_DOMAIN_OCTETS_MAX], ascii[IDN_DOMAIN_OCTETS_MAX];

	if (octets == 0 || octets >= sizeof(written))
		return "";
	memcpy(written, text, octets);
	written[octets] = '\0';
	if (!idn_to_ascii(written, ascii) || !labels_correspond(written, ascii) || !is_host_name(ascii, labels_min))
		return "";
	return arena_strdup(arena, ascii);
}

/* ---- what is signed, and how ---- */

static void read_version(struct parse *parse, const struct tag *tag)
{
	if (!tag_is(tag, "1"))
		wrong(parse, "v", "is not 1");
}

static const struct {
	const char *name;
	enum dkim_algorithm algorithm;
} algorithms[] = {
	{ "rsa-sha256", DKIM_RSA_SHA256 },
	{ "ed25519-sha256", DKIM_ED25519_SHA256 },
	{ "rsa-sha1", DKIM_RSA_SHA1 },
};

static void read_algorithm(struct parse *parse, const struct tag *tag)
{
	for (size_t i = 0; i < COUNT(algorithms); i++) {
		if (tag_is(tag, algorithms[i].name)) {
			parse->signature->algorithm = algorithms[i].algorithm;
			return;
		}
	}
	wrong(parse, "a", "names no known algorithm");
}

static const struct {
	const char *names;
	enum dkim_canon header, body;
} canons[] = {
	{ "relaxed/relaxed", DKIM_RELAXED, DKIM_RELAXED }, { "relaxed/simple", DKIM_RELAXED, DKIM_SIMPLE },
	{ "simple/simple", DKIM_SIMPLE, DKIM_SIMPLE },     { "simple/relaxed", DKIM_SIMPLE, DKIM_RELAXED },
	{ "relaxed", DKIM_RELAXED, DKIM_SIMPLE },          { "simple", DKIM_SIMPLE, DKIM_SIMPLE },
};

static void read_canons(struct parse *parse, const struct tag *tag)
{
	for (size_t i = 0; i < COUNT(canons); i++) {
		if (tag_is(tag, canons[i].names)) {
			parse->signature->header_canon = canons[i].header;
			parse->signature->body_canon = canons[i].body;
			return;
		}
	}
	wrong(parse, "c", "names no known canonicalisation");
}

static void read_query(struct parse *parse, const struct tag *tag)
{
	struct tag_item item;
	size_t offset = 0;
	bool usable = false;

	while (tag_next_item(tag, &offset, &item))
		usable = usable || tag_item_is(&item, "dns/txt"); /* unknown methods are ignored */
	if (!usable)
		wrong(parse, "q", "does not allow dns/txt");
}

/* ---- who signs ---- */

static void read_domain(struct parse *parse, const struct tag *tag)
{
	struct dkim_signature *signature = parse->signature;

	signature->domain = host_name(tag->value, tag->value_octets, DOMAIN_LABELS_MIN, parse->arena);
	if (signature->domain[0] == '\0')
		wrong(parse, "d", "is no domain name");
}

static void read_selector(struct parse *parse, const struct tag *tag)
{
	struct dkim_signature *signature = parse->signature;

	signature->selector = host_name(tag->value, tag->value_octets, SELECTOR_LABELS_MIN, parse->arena);
	if (signature->selector[0] == '\0')
		wrong(parse, "s", "is no selector");
	else if (strlen(signature->selector) + strlen(KEY_NAME_MIDDLE) + strlen(signature->domain) >
	         IDN_DOMAIN_OCTETS_MAX - 1)
		wrong(parse, "s", "and d= together are too long for a name in DNS");
}

static int hex_value(char octet)
{
	if (octet >= '0' && octet <= '9')
		return octet - '0';
	if (octet >= 'A' && octet <= 'F')
		return octet - 'A' + 10;
	return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

/*
 * DKIM-Quoted-Printable (RFC 6376 2.11): white space means nothing, there are no soft line breaks. `text` has room for
 * the value. The octets of the text, terminated; -1: it is none, or has control characters, which no address may have.
 */
static long decode_quoted_printable(const struct tag *tag, char *text)
{
	const char *at = tag->value, *end = tag->value + tag->value_octets;
	size_t n = 0;

	for (; at < end; at++) {
		if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
			continue;
		char octet = *at;
		if (octet == '=') {
			int high = end - at > 2 ? hex_value(at[1]) : -1, low = end - at > 2 ? hex_value(at[2]) : -1;
			if (high < 0 || low < 0)
				return -1;
			octet = (char)(high << 4 | low);
			at += 2;
		}
		if ((unsigned char)octet < 0x20 || octet == 0x7f)
			return -1;
		text[n++] = octet;
	}
	text[n] = '\0';
	return (long)n;
}

static bool is_within(const char *domain, const char *parent)
{
	size_t octets = strlen(domain), parent_octets = strlen(parent);

	return octets >= parent_octets && strcmp(domain + octets - parent_octets, parent) == 0 &&
	       (octets == parent_octets || domain[octets - parent_octets - 1] == '.');
}

static void read_identity(struct parse *parse, const struct tag *tag)
{
	char text[IDENTITY_OCTETS_MAX + 1], clean[CLEAN_OCTETS_AN_OCTET * IDENTITY_OCTETS_MAX + 1];
	struct dkim_signature *signature = parse->signature;
	struct strbuf buf;
	const char *at;

	if (tag->value_octets > IDENTITY_OCTETS_MAX) {
		wrong(parse, "i", "is too long");
		return;
	}
	if (decode_quoted_printable(tag, text) < 0) {
		wrong(parse, "i", "is not encoded as it must be");
		return;
	}
	at = strrchr(text, '@');
	signature->identity_domain = at != NULL ? host_name(at + 1, strlen(at + 1), DOMAIN_LABELS_MIN, parse->arena)
	                                        : "";
	if (signature->identity_domain[0] == '\0')
		wrong(parse, "i", "has no domain name");
	else if (!is_within(signature->identity_domain, signature->domain))
		wrong(parse, "i", "is not within d=");
	strbuf_open(&buf, clean, sizeof(clean));
	strbuf_add_clean(&buf, text, NULL, sizeof(clean));
	signature->identity = arena_strdup(parse->arena, clean);
}

/* ---- the header fields ---- */

/* Field names are 0x21-0x7e without ":" (RFC 5322 3.6.8); the tag list lets in nothing else but UTF-8 and folding. */
static const char *field_name(const struct tag_item *item, struct arena *arena)
{
	char *name = arena_copy(arena, item->text, item->octets);

	for (size_t i = 0; i < item->octets; i++) {
		if (name[i] < 0x21 || name[i] > 0x7e)
			return NULL;
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
	}
	return item->octets > 0 ? name : NULL;
}

static size_t count_items(const struct tag *tag)
{
	struct tag_item item;
	size_t offset = 0, n = 0;

	while (tag_next_item(tag, &offset, &item))
		n++;
	return n;
}

static void read_fields(struct parse *parse, const struct tag *tag)
{
	size_t offset = 0, n = count_items(tag);
	struct tag_item item;
	const char **fields;
	bool from = false;

	if (n > DKIM_FIELDS_MAX) {
		wrong(parse, "h", "names too many header fields");
		return;
	}
	fields = arena_alloc(parse->arena, n * sizeof(*fields));
	for (n = 0; tag_next_item(tag, &offset, &item); n++) {
		fields[n] = field_name(&item, parse->arena);
		if (fields[n] == NULL) {
			wrong(parse, "h", "has an empty or wrong field name");
			return;
		}
		from = from || strcmp(fields[n], "from") == 0;
	}
	parse->signature->fields = fields;
	parse->signature->n_fields = n;
	if (!from)
		wrong(parse, "h", "does not cover From");
}

/* ---- hash and signature ---- */

static void read_body_hash(struct parse *parse, const struct tag *tag)
{
	size_t right = parse->signature->algorithm == DKIM_RSA_SHA1 ? 20 : 32;
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	long octets = base64_decode(tag->value, tag->value_octets, hash, sizeof(hash));

	if (octets < 0 || (size_t)octets != right) {
		wrong(parse, "bh", "is no hash of the right length in base64");
		return;
	}
	parse->signature->body_hash = (const uint8_t *)arena_copy(parse->arena, (const char *)hash, right);
	parse->signature->body_hash_octets = right;
}

/* For header.b: characters of base64 only, whatever else is there. */
static void read_signature_start(struct dkim_signature *signature, const struct tag *tag)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t n = 0;

	for (size_t i = 0; i < tag->value_octets && n < sizeof(signature->b) - 1; i++) {
		char octet = tag->value[i];
		if (octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n')
			continue;
		if (memchr(base64, octet, sizeof(base64) - 1) == NULL)
			break;
		signature->b[n++] = octet;
	}
	signature->b[n] = '\0';
}

static void read_signature(struct parse *parse, const struct tag *tag)
{
	struct dkim_signature *signature = parse->signature;
	uint8_t octets[DKIM_SIGNED_OCTETS_MAX];
	long n = base64_decode(tag->value, tag->value_octets, octets, sizeof(octets));

	read_signature_start(signature, tag);
	if (n <= 0) {
		wrong(parse, "b", "is no base64, empty or too long");
		return;
	}
	if (signature->algorithm == DKIM_ED25519_SHA256 && n != ED25519_OCTETS) {
		wrong(parse, "b", "has not the 64 octets of Ed25519");
		return;
	}
	signature->signature = (const uint8_t *)arena_copy(parse->arena, (const char *)octets, (size_t)n);
	signature->signature_octets = (size_t)n;
}

/* ---- numbers ---- */

static void read_length(struct parse *parse, const struct tag *tag)
{
	parse->signature->has_length = tag_number(tag, LENGTH_DIGITS_MAX, &parse->signature->length);
	if (!parse->signature->has_length)
		wrong(parse, "l", "is no length, or larger than any body");
}

static void read_signed_at(struct parse *parse, const struct tag *tag)
{
	if (!tag_number(tag, TIME_DIGITS_MAX, &parse->signature->signed_at))
		wrong(parse, "t", "is no time of 1 to 12 digits");
}

static void read_expiry(struct parse *parse, const struct tag *tag)
{
	struct dkim_signature *signature = parse->signature;

	signature->has_expiry = tag_number(tag, TIME_DIGITS_MAX, &signature->expires);
	if (!signature->has_expiry)
		wrong(parse, "x", "is no time of 1 to 12 digits");
	else if (signature->expires <= signature->signed_at)
		wrong(parse, "x", "is not after t=");
}

/* ---- all of it ---- */

/* In this order: i= is compared with d=, x= with t=, and bh= and b= depend on a=. */
static const struct reader {
	const char *tag;
	bool required;
	void (*read)(struct parse *parse, const struct tag *tag);
} readers[] = {
	{ "v", true, read_version },   { "a", true, read_algorithm }, { "c", false, read_canons },
	{ "q", false, read_query },    { "d", true, read_domain },    { "s", true, read_selector },
	{ "i", false, read_identity }, { "h", true, read_fields },    { "bh", true, read_body_hash },
	{ "b", true, read_signature }, { "l", false, read_length },   { "t", false, read_signed_at },
	{ "x", false, read_expiry },
};

static void default_identity(struct dkim_signature *signature, struct arena *arena)
{
	char text[IDN_DOMAIN_OCTETS_MAX + 1];

	snprintf(text, sizeof(text), "@%s", signature->domain);
	signature->identity = arena_strdup(arena, text);
	signature->identity_domain = signature->domain;
}

int dkim_signature_parse(struct dkim_signature *signature, const char *value, size_t octets, struct arena *arena,
                         struct strbuf *problem)
{
	struct parse parse = { .signature = signature, .arena = arena, .problem = problem };
	struct tag_list tags;

	*signature = (struct dkim_signature){ .domain = "", .selector = "", .identity = "", .identity_domain = "" };
	parse.failed = tags_parse(&tags, value, octets, true, problem) != 0;
	for (size_t i = 0; i < COUNT(readers); i++) {
		const struct tag *tag = tags_find(&tags, readers[i].tag);
		if (tag != NULL)
			readers[i].read(&parse, tag);
		else if (readers[i].required)
			wrong(&parse, readers[i].tag, "is missing");
	}
	if (!parse.failed && tags_find(&tags, "i") == NULL)
		default_identity(signature, arena);
	return parse.failed ? -1 : 0;
}
