/* SPDX-License-Identifier: BSD-2-Clause */
#include "dkim/key.h"

#include <string.h>

#include "mail/tags.h"

#define ED25519_KEY_OCTETS 32 /* RFC 8463 4.2 */

static int refuse(struct strbuf *problem, const char *what)
{
	strbuf_add(problem, what);
	return -1;
}

/* Is one of these an element? Elements that nobody knows are ignored (RFC 6376 3.6.1). */
static bool has_item(const struct tag *tag, const char *text)
{
	struct tag_item item;
	size_t offset = 0;

	while (tag_next_item(tag, &offset, &item)) {
		if (tag_item_is(&item, text))
			return true;
	}
	return false;
}

/* The version may be missing; if it is there, it comes first, in upper case. */
static int check_version(const struct tag_list *tags, struct strbuf *problem)
{
	static const char right[] = "DKIM1";
	const struct tag *tag = tags_find(tags, "v");

	if (tag == NULL)
		return 0;
	if (tag->value_octets != sizeof(right) - 1 || memcmp(tag->value, right, sizeof(right) - 1) != 0)
		return refuse(problem, "v= is not DKIM1");
	return tag == &tags->tags[0] ? 0 : refuse(problem, "v= is not the first tag");
}

static int read_type(struct dkim_key_record *record, const struct tag *tag, struct strbuf *problem)
{
	record->ed25519 = tag != NULL && tag_is(tag, "ed25519");
	if (tag == NULL || record->ed25519 || tag_is(tag, "rsa"))
		return 0;
	return refuse(problem, "k= names no known type of key");
}

static void read_uses(struct dkim_key_record *record, const struct tag_list *tags)
{
	const struct tag *hashes = tags_find(tags, "h"), *services = tags_find(tags, "s"),
			 *flags = tags_find(tags, "t");

	record->sha1 = hashes == NULL || has_item(hashes, "sha1");
	record->sha256 = hashes == NULL || has_item(hashes, "sha256");
	record->email = services == NULL || has_item(services, "*") || has_item(services, "email");
	record->testing = flags != NULL && has_item(flags, "y");
	record->strict = flags != NULL && has_item(flags, "s");
}

static int read_key(struct dkim_key_record *record, const struct tag *tag, struct strbuf *problem)
{
	long octets;

	if (tag == NULL)
		return refuse(problem, "p= is missing");
	record->revoked = tag->value_octets == 0;
	octets = base64_decode(tag->value, tag->value_octets, record->key, sizeof(record->key));
	if (octets < 0)
		return refuse(problem, "p= is no base64, or too long");
	record->key_octets = (size_t)octets;
	if (record->ed25519 && !record->revoked && octets != ED25519_KEY_OCTETS) {
		strbuf_addf(problem, "p= has %ld octets, a key of Ed25519 has %d", octets, ED25519_KEY_OCTETS);
		return -1;
	}
	return 0;
}

int dkim_key_parse(struct dkim_key_record *record, const uint8_t *octets, size_t length, struct strbuf *problem)
{
	struct tag_list tags;

	*record = (struct dkim_key_record){ 0 };
	if (tags_parse(&tags, (const char *)octets, length, true, problem) != 0 || check_version(&tags, problem) != 0 ||
	    read_type(record, tags_find(&tags, "k"), problem) != 0)
		return -1;
	read_uses(record, &tags);
	return read_key(record, tags_find(&tags, "p"), problem);
}
