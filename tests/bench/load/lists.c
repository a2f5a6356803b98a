/* SPDX-License-Identifier: BSD-2-Clause */
#include "lists.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/ip.h"

#include "wire.h"

#define BLANKS          "\t \r\n"
#define FILE_OCTETS_MAX (256UL * 1024 * 1024)

static char *copy_octets(const char *octets, size_t length)
{
	char *copy = load_memory(NULL, length + 1);

	memcpy(copy, octets, length);
	copy[length] = '\0';
	return copy;
}

static char *copy_text(const char *text)
{
	return copy_octets(text, strlen(text));
}

/* Where `n` elements stand: memory for one more, doubled when it is used up. */
static void *grown(void *old, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? load_memory(old, (n ? 2 * n : 1) * size) : old;
}

/* ---- clients ---- */

static const char *next_word(char **rest, const char *missing)
{
	char *word = strsep(rest, BLANKS);

	while (word && !*word)
		word = strsep(rest, BLANKS);
	return word && strcmp(word, "-") != 0 ? word : missing;
}

int load_lists_add_client(struct load_lists *lists, char *line, struct err *err)
{
	char *rest = line, text[IP_TEXT_MAX], shown[IP_TEXT_MAX + 8];
	const char *word = next_word(&rest, "");
	struct ip ip;

	if (!*word || *word == '#')
		return 0;
	if (!ip_parse(&ip, word))
		return err_set(err, "\"%s\" is no IP address", word);
	snprintf(shown, sizeof(shown), "%s%s", ip.family == 6 ? "IPv6:" : "", ip_format(&ip, text));
	lists->clients = grown(lists->clients, lists->n_clients, sizeof(*lists->clients));
	struct load_client *client = &lists->clients[lists->n_clients++];
	client->family = ip.family == 6 ? '6' : '4';
	client->address = copy_text(shown);
	client->name = copy_text(next_word(&rest, "unknown"));
	client->helo = copy_text(
		next_word(&rest, strcmp(client->name, "unknown") ? client->name : "client.example.net"));
	client->sender = copy_text(next_word(&rest, "alice@example.net"));
	return 0;
}

int load_lists_add_clients(struct load_lists *lists, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	char line[4096];
	struct err why;

	if (!file)
		return err_set(err, "%s: %s", path, strerror(errno));
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		if (load_lists_add_client(lists, line, &why)) {
			fclose(file);
			return err_set(err, "%s:%u: %s", path, number, why.text);
		}
	}
	fclose(file);
	return lists->n_clients ? 0 : err_set(err, "%s: there is no client in it", path);
}

/* ---- messages ---- */

static void add_field(struct load_message *message, const char *name, size_t name_octets, const char *value,
                      size_t value_octets)
{
	message->fields = grown(message->fields, message->n_fields, sizeof(*message->fields));
	struct load_field *field = &message->fields[message->n_fields++];
	field->name = copy_octets(name, name_octets);
	field->value = copy_octets(value, value_octets);
}

/* The end of a field that begins at `text`: behind the newline that no blank follows. */
static const char *field_end(const char *text, const char *end)
{
	while (text < end) {
		text = memchr(text, '\n', (size_t)(end - text));
		if (!text)
			return end;
		text++;
		if (text == end || (*text != ' ' && *text != '\t'))
			return text;
	}
	return end;
}

static void strip_cr(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text != '\r')
			*to++ = *text;
	}
	*to = '\0';
}

static void set_body(struct load_message *message, const char *text, size_t octets)
{
	char *body = load_memory(NULL, 2 * octets + 1);
	size_t n = 0;

	for (size_t i = 0; i < octets; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			body[n++] = '\r';
		body[n++] = text[i];
	}
	message->body = load_memory(body, n + 1);
	message->body_octets = n;
}

int load_lists_add_text(struct load_lists *lists, const char *text, size_t octets, struct err *err)
{
	const char *end = text + octets;

	lists->messages = grown(lists->messages, lists->n_messages, sizeof(*lists->messages));
	struct load_message *message = &lists->messages[lists->n_messages++];
	*message = (struct load_message){ 0 };
	while (text < end && *text != '\n' && *text != '\r') {
		const char *next = field_end(text, end), *colon = memchr(text, ':', (size_t)(next - text));
		if (!colon || colon == text)
			return err_set(err, "field %zu of the header has no name", message->n_fields + 1);
		size_t value = (size_t)(next - colon) - 1;
		while (value && (colon[value] == '\n' || colon[value] == '\r'))
			value--;
		add_field(message, text, (size_t)(colon - text), colon + 1, value);
		strip_cr(message->fields[message->n_fields - 1].value);
		text = next;
	}
	if (text < end)
		text += *text == '\r' && end - text > 1 ? 2 : 1;
	set_body(message, text, (size_t)(end - text));
	return 0;
}

int load_lists_add_message(struct load_lists *lists, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t octets = 0, more;
	struct err why;

	if (!file)
		return err_set(err, "%s: %s", path, strerror(errno));
	do {
		text = load_memory(text, 2 * octets + 65536);
		more = fread(text + octets, 1, octets + 65536, file);
		octets += more;
	} while (more && octets <= FILE_OCTETS_MAX);
	const bool broken = ferror(file) || octets > FILE_OCTETS_MAX;
	fclose(file);
	if (broken || load_lists_add_text(lists, text, octets, &why)) {
		free(text);
		return err_set(err, "%s: %s", path, broken ? "cannot be read, or is too large" : why.text);
	}
	free(text);
	return 0;
}

/* ---- all of them ---- */

void load_lists_complete(struct load_lists *lists)
{
	static const char text[] = "From: Alice <alice@example.net>\nTo: Bob <bob@example.org>\nSubject: hello\n"
				   "Date: Mon, 06 Jul 2026 10:00:00 +0000\nMessage-ID: <1@example.net>\n\nHello.\n";
	char line[32];

	for (unsigned i = 1; lists->n_clients < i && i < 255; i++) {
		snprintf(line, sizeof(line), "203.0.113.%u", i);
		(void)load_lists_add_client(lists, line, NULL);
	}
	if (lists->n_messages == 0)
		(void)load_lists_add_text(lists, text, sizeof(text) - 1, NULL);
}

void load_lists_close(struct load_lists *lists)
{
	for (size_t i = 0; i < lists->n_clients; i++) {
		free(lists->clients[i].address);
		free(lists->clients[i].name);
		free(lists->clients[i].helo);
		free(lists->clients[i].sender);
	}
	for (size_t i = 0; i < lists->n_messages; i++) {
		for (size_t k = 0; k < lists->messages[i].n_fields; k++) {
			free(lists->messages[i].fields[k].name);
			free(lists->messages[i].fields[k].value);
		}
		free(lists->messages[i].fields);
		free(lists->messages[i].body);
	}
	free(lists->clients);
	free(lists->messages);
	*lists = (struct load_lists){ 0 };
}
