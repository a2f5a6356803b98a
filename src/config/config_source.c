/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_token.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct reading {
	struct source *source;
	struct arena *arena;
	struct err *err;
	size_t n_files;
	size_t places_size;
};

/* "" or "FILE:LINE: ", for the beginning of an error. */
static const char *place_text(struct arena *arena, struct source_place place)
{
	char memory[512];
	struct strbuf text;

	strbuf_open(&text, memory, sizeof(memory));
	if (place.file != NULL) {
		strbuf_add_clean(&text, place.file, NULL, 400);
		strbuf_addf(&text, ":%d: ", place.line);
	}
	return arena_strdup(arena, memory);
}

static int fault(struct arena *arena, struct source_place place, struct err *err, const char *what)
{
	return err_set(err, "%s%s", place_text(arena, place), what);
}

static int file_fault(const struct reading *reading, const char *file, struct source_place from, const char *why)
{
	char memory[512];
	struct strbuf text;

	strbuf_open(&text, memory, sizeof(memory));
	strbuf_add_clean(&text, file, NULL, 400);
	return err_set(reading->err, "%scannot read the %sconfiguration file %s: %s", place_text(reading->arena, from),
	               from.file != NULL ? "included " : "", memory, why);
}

/* /dev/null means the defaults; any other device, a pipe or a directory is not what the administrator meant. */
static const char *kind_fault(int fd, const struct stat *status)
{
	char octet;

	if (S_ISREG(status->st_mode) || (S_ISCHR(status->st_mode) && read(fd, &octet, 1) == 0))
		return NULL;
	return S_ISDIR(status->st_mode) ? "it is a directory" : "it is not a regular file";
}

/* At most `octets` (the file may have shrunk meanwhile). */
static ssize_t read_all(int fd, char *text, size_t octets)
{
	size_t length = 0;

	while (length < octets) {
		ssize_t n = read(fd, text + length, octets - length);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0)
			break;
		length += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)length;
}

/* Returns the whole file, terminated, or NULL with err. */
static char *load(const struct reading *reading, const char *file, struct source_place from)
{
	/* Not blocking: the name may be that of a pipe nobody writes to. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	off_t room = SOURCE_OCTETS_MAX - (off_t)reading->source->length;
	const char *why = NULL;
	char *text = NULL;
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(fd, &status) < 0) {
		file_fault(reading, file, from, strerror(errno));
		goto done;
	}
	why = kind_fault(fd, &status);
	if (why == NULL && status.st_size > room)
		why = "it is too large; all files together may have 1 MiB";
	if (why == NULL) {
		text = arena_alloc(reading->arena, (size_t)status.st_size + 1);
		length = read_all(fd, text, (size_t)status.st_size);
		if (length < 0)
			why = strerror(errno);
		else if (memchr(text, '\0', (size_t)length) != NULL)
			why = "it contains NUL octets and is no text file";
	}
	if (why != NULL)
		file_fault(reading, file, from, why);
done:
	if (fd >= 0)
		close(fd);
	return why == NULL ? text : NULL;
}

static void begin_line(struct reading *reading, struct source_place place)
{
	struct source *source = reading->source;

	if (source->n_lines == reading->places_size) {
		size_t size = reading->places_size > 0 ? 2 * reading->places_size : 8;
		struct source_place *places = arena_alloc(reading->arena, size * sizeof(*places));

		if (source->n_lines > 0)
			memcpy(places, source->places, source->n_lines * sizeof(*places));
		source->places = places;
		reading->places_size = size;
	}
	source->places[source->n_lines++] = place;
}

/* Append a token and follow its lines; `place` moves on. The room was made by add_room(). */
static void append(struct reading *reading, const char *text, size_t length, struct source_place *place)
{
	struct source *source = reading->source;

	for (size_t i = 0; i < length; i++) {
		source->text[source->length++] = text[i];
		if (text[i] == '\n') {
			place->line++;
			begin_line(reading, *place);
		}
	}
}

static char *included_name(struct arena *arena, struct token token, const char *from)
{
	const char *quote = memchr(token.at, '"', token.length);
	const char *slash = from != NULL ? strrchr(from, '/') : NULL;
	const char *end = token.at + token.length - 1;
	size_t length = 0, directory = slash != NULL ? (size_t)(slash + 1 - from) : 0;
	char *name = arena_alloc(arena, directory + token.length + 1);

	if (quote[1] != '/' && directory > 0) {
		memcpy(name, from, directory);
		length = directory;
	}
	for (const char *at = quote + 1; at < end; at++) {
		if (*at == '\\' && (at[1] == '\\' || at[1] == '"'))
			at++;
		name[length++] = *at;
	}
	return name;
}

static int add_file(struct reading *reading, const char *file, struct source_place from, int depth);

static int add_included(struct reading *reading, struct token token, struct source_place place, int depth)
{
	struct source *source = reading->source;

	if (place.file == NULL)
		return fault(reading->arena, place, reading->err, "@include is possible in files only");
	if (depth >= SOURCE_INCLUDE_DEPTH_MAX)
		return fault(reading->arena, place, reading->err,
		             "@include goes deeper than 10 files; does this file include itself?");
	/* The directive began the line: what follows in the text is the other file's. */
	source->n_lines--;
	if (add_file(reading, included_name(reading->arena, token, place.file), place, depth + 1) < 0)
		return -1;
	source->n_lines--; /* the empty line after the file's last newline is the rest of the directive's */
	begin_line(reading, place);
	return 0;
}

static int add_text(struct reading *reading, const char *text, struct source_place place, int depth)
{
	struct token token;
	const char *at = text;

	begin_line(reading, place);
	for (; (token = token_at(text, at)).type != TOKEN_END; at += token.length) {
		if (token.type == TOKEN_OPEN_STRING)
			return fault(reading->arena, place, reading->err,
			             "the string that begins here has no closing quote");
		if (token.type == TOKEN_OPEN_COMMENT)
			return fault(reading->arena, place, reading->err,
			             "the comment that begins here has no end: */ is missing");
		if (token.type != TOKEN_INCLUDE)
			append(reading, token.at, token.length, &place);
		else if (add_included(reading, token, place, depth) < 0)
			return -1;
	}
	/* libconfig does not understand a comment that ends with the text. */
	append(reading, "\n", 1, &place);
	return 0;
}

static int add_file(struct reading *reading, const char *file, struct source_place from, int depth)
{
	const char *text;

	if (++reading->n_files > SOURCE_FILES_MAX)
		return file_fault(reading, file, from, "too many files are included (256 at most)");
	text = load(reading, file, from);
	if (text == NULL)
		return -1;
	if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		text += strlen(BYTE_ORDER_MARK);
	return add_text(reading, text, (struct source_place){ arena_strdup(reading->arena, file), 1 }, depth);
}

static bool has_nul_escape(struct token token)
{
	const char *end = token.at + token.length - 1;

	for (const char *at = token.at + 1; at < end; at++) {
		if (*at != '\\')
			continue;
		if (strncasecmp(at, "\\x00", 4) == 0)
			return true;
		at += at[1] == '\\' || at[1] == '"';
	}
	return false;
}

static size_t newlines(struct token token)
{
	size_t n = 0;

	for (size_t i = 0; i < token.length; i++)
		n += token.at[i] == '\n';
	return n;
}

static void add_literal(struct source *source, struct arena *arena, struct token token, size_t line, size_t *size)
{
	if (source->n_literals == *size) {
		size_t grown = *size > 0 ? 2 * *size : 8;
		struct source_literal *literals = arena_alloc(arena, grown * sizeof(*literals));

		if (source->n_literals > 0)
			memcpy(literals, source->literals, source->n_literals * sizeof(*literals));
		source->literals = literals;
		*size = grown;
	}
	source->literals[source->n_literals++] = (struct source_literal){
		.number = token.type == TOKEN_NUMBER ? arena_copy(arena, token.at, token.length) : NULL,
		.place = source_place(source, line),
	};
}

/* Keep the literals, and refuse what libconfig would not survive or would silently change. */
static int look_through(struct source *source, struct arena *arena, struct err *err)
{
	enum token_type last = TOKEN_END;
	size_t line = 1, depth = 0, names = 0, size = 0;
	struct token token;

	for (const char *at = source->text; (token = token_at(source->text, at)).type != TOKEN_END;
	     at += token.length) {
		if (token.type == TOKEN_STRING && has_nul_escape(token))
			return fault(arena, source_place(source, line), err, "a string cannot contain the octet \\x00");
		if (token.type == TOKEN_SIGN && strchr("{([", *token.at) != NULL && ++depth > SOURCE_GROUP_DEPTH_MAX)
			return fault(arena, source_place(source, line), err,
			             "brackets are nested deeper than 32 levels");
		if (token.type == TOKEN_SIGN && strchr("})]", *token.at) != NULL && depth > 0)
			depth--;
		if (token.type == TOKEN_NAME && ++names > SOURCE_NAMES_MAX)
			return fault(arena, source_place(source, line), err, "there are more than 20000 options");
		if (token.type == TOKEN_NUMBER || (token.type == TOKEN_STRING && last != TOKEN_STRING))
			add_literal(source, arena, token, line, &size);
		if (token.type != TOKEN_SPACE)
			last = token.type;
		line += newlines(token);
	}
	return 0;
}

static struct reading begin_reading(struct source *source, struct arena *arena, struct err *err, size_t room)
{
	*source = (struct source){ .text = memory_new(room) };
	return (struct reading){ .source = source, .arena = arena, .err = err };
}

void source_close(struct source *source)
{
	free(source->text);
	source->text = NULL;
}

int source_read_file(struct source *source, struct arena *arena, const char *file, struct err *err)
{
	/* A newline is added to each file. */
	struct reading reading = begin_reading(source, arena, err, SOURCE_OCTETS_MAX + SOURCE_FILES_MAX + 1);

	if (add_file(&reading, file, (struct source_place){ NULL, 0 }, 0) < 0)
		return -1;
	return look_through(source, arena, err);
}

int source_read_text(struct source *source, struct arena *arena, const char *text, struct err *err)
{
	struct reading reading = begin_reading(source, arena, err, strlen(text) + 2);

	if (add_text(&reading, text, (struct source_place){ NULL, 1 }, 0) < 0)
		return -1;
	return look_through(source, arena, err);
}

struct source_place source_place(const struct source *source, size_t line)
{
	if (source->n_lines == 0)
		return (struct source_place){ NULL, 0 };
	if (line < 1)
		line = 1;
	return source->places[(line > source->n_lines ? source->n_lines : line) - 1];
}

/* A group or a list that is open: its name, and in a list the number of the element. */
struct frame {
	struct token name;
	size_t index;
	bool list;
};

static void add_name(struct strbuf *path, struct token name)
{
	if (name.length == 0)
		return;
	if (path->length > 0)
		strbuf_add(path, ".");
	strbuf_add_octets(path, name.at, name.length);
}

/* The frames that are open, and the name within the innermost one. */
struct trail {
	struct frame frames[SOURCE_GROUP_DEPTH_MAX];
	size_t depth;
	struct token word, name;
};

static void show_trail(const struct trail *trail, struct strbuf *path, size_t begun)
{
	path->length = begun;
	path->text[begun] = '\0';
	for (size_t i = 0; i < trail->depth; i++) {
		add_name(path, trail->frames[i].name);
		if (trail->frames[i].list)
			strbuf_addf(path, "[%zu]", trail->frames[i].index);
	}
	add_name(path, trail->name);
}

/* Returns whether something new was named. */
static bool follow_sign(struct trail *trail, char sign)
{
	struct frame *inner = trail->depth > 0 ? &trail->frames[trail->depth - 1] : NULL;

	if (sign == '=' || sign == ':') {
		trail->name = trail->word; /* any other word is a value that lacks its quotes */
		return true;
	}
	if (sign == ',' && inner != NULL && inner->list) {
		inner->index++;
		trail->name.length = 0;
		return true;
	}
	if (strchr("{([", sign) != NULL && trail->depth < SOURCE_GROUP_DEPTH_MAX) {
		trail->frames[trail->depth++] = (struct frame){ .name = trail->name, .list = sign != '{' };
		trail->name.length = 0;
	} else if (strchr("})]", sign) != NULL && inner != NULL) {
		trail->name = inner->name;
		trail->depth--;
	}
	return false;
}

void source_add_path(const struct source *source, size_t line, struct strbuf *path)
{
	struct trail trail = { .depth = 0 };
	size_t begun = path->length, at_line = 1;
	struct token token;

	for (const char *at = source->text; at_line <= line; at += token.length) {
		token = token_at(source->text, at);
		if (token.type == TOKEN_END)
			break;
		at_line += newlines(token);
		if (token.type == TOKEN_NAME)
			trail.word = token;
		if (token.type == TOKEN_SIGN && follow_sign(&trail, *token.at))
			show_trail(&trail, path, begun);
	}
}
