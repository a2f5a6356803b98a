/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"

#define PIECE_OCTETS 65536
#define SHOWN_OCTETS 320
#define MBOX_LINE    "From "

struct tool_message {
	FILE *file;
	char path[SHOWN_OCTETS];
	bool crlf;         /* the file has some */
	bool begun, ended; /* the header */
	off_t body_at;
	struct tool_message_notes notes;
	char *field; /* TOOL_FIELD_OCTETS_MAX, and a terminator */
	size_t octets;
	uint8_t *piece; /* 2 * PIECE_OCTETS: each octet may become two */
};

static int failed(const struct tool_message *message, struct err *err)
{
	return err_set(err, "--message %s: %s", message->path, strerror(errno));
}

/* ---- opening ---- */

/* What can be read only once is kept in a file without a name. */
static FILE *keep_input(void)
{
	char memory[BUFSIZ];
	FILE *file = tmpfile();
	size_t octets;

	while (file != NULL && (octets = fread(memory, 1, sizeof(memory), stdin)) > 0) {
		if (fwrite(memory, 1, octets, file) != octets)
			break;
	}
	if (file != NULL && (ferror(stdin) || ferror(file))) {
		fclose(file);
		return NULL;
	}
	if (file != NULL)
		rewind(file);
	return file;
}

static int find_crlf(struct tool_message *message, struct err *err)
{
	bool cr = false;
	size_t octets;

	while (!message->crlf && (octets = fread(message->piece, 1, PIECE_OCTETS, message->file)) > 0) {
		for (size_t i = 0; i < octets && !message->crlf; i++) {
			message->crlf = cr && message->piece[i] == '\n';
			cr = message->piece[i] == '\r';
		}
	}
	if (ferror(message->file) || fseeko(message->file, 0, SEEK_SET))
		return failed(message, err);
	return 0;
}

struct tool_message *tool_message_open(const char *path, struct err *err)
{
	struct tool_message *message = memory_new(sizeof(*message));
	struct strbuf shown;

	*message = (struct tool_message){ .piece = memory_new(2 * PIECE_OCTETS),
		                          .field = memory_new(TOOL_FIELD_OCTETS_MAX + 1) };
	strbuf_open(&shown, message->path, sizeof(message->path));
	strbuf_add_clean(&shown, path, NULL, sizeof(message->path) - 1);
	message->file = strcmp(path, "-") == 0 ? keep_input() : fopen(path, "re");
	if (message->file == NULL)
		failed(message, err);
	if (message->file == NULL || find_crlf(message, err))
		tool_message_close(&message);
	return message;
}

void tool_message_close(struct tool_message **message)
{
	if (*message == NULL)
		return;
	if ((*message)->file != NULL)
		fclose((*message)->file);
	free((*message)->piece);
	free((*message)->field);
	free(*message);
	*message = NULL;
}

const struct tool_message_notes *tool_message_notes(const struct tool_message *message)
{
	return &message->notes;
}

/* ---- the header ---- */

static void put(struct tool_message *message, int octet)
{
	if (octet == '\0') {
		message->notes.nul = true;
		octet = 1;
	}
	if (message->octets < TOOL_FIELD_OCTETS_MAX)
		message->field[message->octets++] = (char)octet;
	else
		message->notes.cut = true;
	message->field[message->octets] = '\0';
}

/* Add a line without its end. False: there was none any more. */
static bool read_line(struct tool_message *message)
{
	size_t begin = message->octets;
	int octet = getc_unlocked(message->file);

	if (octet == EOF)
		return false;
	for (; octet != '\n' && octet != EOF; octet = getc_unlocked(message->file))
		put(message, octet);
	message->notes.lf |= octet == '\n' && !message->crlf;
	if (octet == '\n' && message->octets > begin && message->field[message->octets - 1] == '\r')
		message->field[--message->octets] = '\0';
	return true;
}

static bool next_line_folds(struct tool_message *message)
{
	int octet = getc_unlocked(message->file);

	if (octet != EOF)
		ungetc(octet, message->file);
	return octet == ' ' || octet == '\t';
}

/* The colon of a header field (RFC 5322 2.2, 4.5.8: white space before it). NULL: it is none. */
static char *find_colon(char *line)
{
	char *at = line;

	while (*at > ' ' && *at < 0x7f && *at != ':')
		at++;
	if (at == line)
		return NULL;
	at += strspn(at, " \t");
	return *at == ':' ? at : NULL;
}

static int end_header(struct tool_message *message, off_t body_at, struct err *err)
{
	message->ended = true;
	message->body_at = body_at;
	return tool_message_rewind(message, err);
}

/* Another line that begins with white space belongs to it. */
static void read_folded(struct tool_message *message)
{
	while (next_line_folds(message)) {
		put(message, '\r');
		put(message, '\n');
		read_line(message);
	}
}

/* False: the file has ended. */
static bool read_first_line(struct tool_message *message)
{
	message->octets = 0;
	message->field[0] = '\0';
	return read_line(message);
}

static bool is_mbox_line(const struct tool_message *message)
{
	return !message->begun && strncmp(message->field, MBOX_LINE, strlen(MBOX_LINE)) == 0;
}

int tool_message_field(struct tool_message *message, const char **name, const char **value, struct err *err)
{
	off_t begin = ftello(message->file);
	bool there = !message->ended && read_first_line(message);
	char *colon = find_colon(message->field);

	if (message->ended)
		return 0;
	if (there && colon == NULL && is_mbox_line(message)) {
		message->notes.mbox = true;
		begin = ftello(message->file);
		there = read_first_line(message);
		colon = find_colon(message->field);
	}
	message->begun = true;
	if (ferror(message->file))
		return failed(message, err);
	if (there && message->field[0] == '\0')
		return end_header(message, ftello(message->file), err);
	if (colon == NULL) {
		message->notes.no_blank = true;
		return end_header(message, begin, err);
	}
	read_folded(message);
	*colon = '\0';
	*name = message->field;
	*value = colon + 1;
	return ferror(message->file) ? failed(message, err) : 1;
}

/* ---- the body ---- */

int tool_message_rewind(struct tool_message *message, struct err *err)
{
	if (message->body_at < 0 || fseeko(message->file, message->body_at, SEEK_SET))
		return failed(message, err);
	return 0;
}

/* The octets of the file stand in the second half; where they are read is never before where they are written. */
static size_t make_crlf(uint8_t *piece, size_t octets)
{
	size_t n = 0;

	for (size_t i = 0; i < octets; i++) {
		const uint8_t octet = piece[PIECE_OCTETS + i];
		if (octet == '\n')
			piece[n++] = '\r';
		piece[n++] = octet;
	}
	return n;
}

long tool_message_body(struct tool_message *message, const uint8_t **octets, struct err *err)
{
	uint8_t *raw = message->piece + PIECE_OCTETS;
	size_t n = fread(raw, 1, PIECE_OCTETS, message->file);

	if (ferror(message->file))
		return failed(message, err);
	*octets = raw;
	if (!message->crlf) {
		message->notes.lf |= memchr(raw, '\n', n) != NULL;
		n = make_crlf(message->piece, n);
		*octets = message->piece;
	}
	return (long)n;
}
