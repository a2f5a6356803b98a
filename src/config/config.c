/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_private.h"

#define OVERRIDE_ORDER (SIZE_MAX / 2) /* errors of overrides come after those of the file */
#define MESSAGE_MAX    800
#define SPACE          " \t\r\n"
#define MORE_OCTETS    64 /* kept free for "and N more" */

void config_add_origin(const struct node *node, struct strbuf *text)
{
	if (node == NULL) {
		strbuf_add(text, "default");
	} else if (node->override != NULL) {
		strbuf_add(text, "-o");
	} else if (node->place.file != NULL) {
		strbuf_add_clean(text, node->place.file, NULL, CONFIG_PLACE_SHOWN_MAX);
		if (node->place.line > 0)
			strbuf_addf(text, ":%d", node->place.line);
	} else {
		strbuf_add(text, "configuration");
	}
}

/* Does the override name this very option (and not something that contains it)? */
static bool is_path_of(const char *override, const char *path)
{
	size_t length = strlen(path);

	override += strspn(override, SPACE);
	return strncmp(override, path, length) == 0 && override[length + strspn(override + length, SPACE)] == '=';
}

static void add_override_path(const char *override, struct strbuf *text)
{
	char path[CONFIG_PATH_MAX];
	size_t length;

	override += strspn(override, SPACE);
	length = strcspn(override, "=" SPACE);
	length = length < sizeof(path) ? length : sizeof(path) - 1;
	memcpy(path, override, length);
	path[length] = '\0';
	strbuf_add_clean(text, path, NULL, CONFIG_PATH_MAX);
}

void config_add_place(const struct node *node, const char *path, const struct config_row *row, struct strbuf *text)
{
	bool itself = node->override != NULL && is_path_of(node->override, path);

	config_add_origin(node, text);
	if (node->override != NULL)
		strbuf_add(text, " ");
	if (node->override != NULL && !itself)
		add_override_path(node->override, text);
	strbuf_addf(text, "%s%s", itself ? "" : ": ", path);
	if (row == NULL)
		return;
	strbuf_add(text, itself ? "=" : " = ");
	value_add_written(row, node, text);
}

/* The file's order, not the schema's; stable without being asked for it: orders differ, but for one option's own
 * mistakes. */
static int compare_problems(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void report(struct problems *problems, struct err *err)
{
	char memory[ERR_TEXT_MAX];
	struct strbuf text;
	size_t i;

	qsort(problems->items, problems->n, sizeof(*problems->items), compare_problems);
	strbuf_open(&text, memory, sizeof(memory));
	for (i = 0; i < problems->n; i++) {
		/* The first one is shown in any case: nothing is worse than an error without a word. */
		if (i > 0 && text.length + 1 + strlen(problems->items[i].text) + MORE_OCTETS > sizeof(memory))
			break;
		strbuf_addf(&text, "%s%s", i > 0 ? "\n" : "", problems->items[i].text);
	}
	if (i < problems->n)
		strbuf_addf(&text, "\n... and %zu more", problems->n - i);
	err_set(err, "%s", memory);
}

static int compare_values(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	uintptr_t left = (uintptr_t)x->address, right = (uintptr_t)y->address;

	if (left != right)
		return left < right ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

const struct value *config_value_at(const struct config *config, const void *address, enum value_kind from_kind)
{
	size_t low = 0, high = config->n_values;
	struct value wanted = { .kind = from_kind, .address = address };

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_values(&config->values[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < config->n_values && config->values[low].address == address ? &config->values[low] : NULL;
}

static int fill(struct config *config, const char *file, const char *const *overrides, size_t n_overrides,
                struct err *err)
{
	struct problems problems = { NULL, 0, 0 };
	struct err why = { "" };
	struct node *root;
	bool failed;

	if (file != NULL)
		root = tree_read_file(&config->arena, file, err);
	else
		root = tree_add(&config->arena, NULL, NODE_GROUP, NULL);
	if (root == NULL)
		return -1;
	for (size_t i = 0; i < n_overrides; i++) {
		if (tree_override(&config->arena, root, overrides[i], OVERRIDE_ORDER + i, &why) < 0)
			problems_add(config, &problems, OVERRIDE_ORDER + i, why.text);
	}
	config_bind(config, root, &problems);
	failed = problems.n > 0;
	if (failed)
		report(&problems, err);
	free(problems.items);
	return failed ? -1 : 0;
}

struct config *config_open(const char *file, const char *const *overrides, size_t n_overrides,
                           const struct config_section *sections, size_t n_sections, struct err *err)
{
	struct config *config = memory_new(sizeof(*config));

	arena_open(&config->arena, NULL);
	config->file = arena_strdup(&config->arena, file);
	config->options = options_open(&config->arena, sections, n_sections);
	if (fill(config, file, overrides, n_overrides, err) < 0) {
		config_close(&config);
		return NULL;
	}
	if (config->n_values > 0)
		qsort(config->values, config->n_values, sizeof(*config->values), compare_values);
	return config;
}

void config_close(struct config **config)
{
	if (*config == NULL)
		return;
	free((*config)->values);
	arena_close(&(*config)->arena);
	free(*config);
	*config = NULL;
}

/* A default, as it stands in its struct. */
static void add_default(const struct value *value, struct strbuf *text)
{
	char *written = NULL;
	size_t octets = 0;
	FILE *out = open_memstream(&written, &octets);

	if (out == NULL)
		return;
	if (value->row->type == CONFIG_LIST)
		fputs("( ... )", out);
	value_write(value->row, value->address, false, out);
	if (fclose(out) == 0)
		strbuf_add_clean(text, written, NULL, CONFIG_VALUE_SHOWN_MAX);
	free(written);
}

/* "FILE:LINE: OPTION = VALUE: ", "-o OPTION=VALUE: ", or "FILE:LINE OF ITS ELEMENT: default of OPTION = VALUE: ". */
static void add_prefix(const struct config *config, const void *address, struct strbuf *text)
{
	const struct value *value = config_value_at(config, address, VALUE_OPTION);

	if (value == NULL)
		return;
	if (value->node != NULL) {
		config_add_place(value->node, value->path, value->kind != VALUE_ELEMENT ? value->row : NULL, text);
	} else {
		if (value->owner != NULL) {
			config_add_origin(value->owner, text);
			strbuf_add(text, ": ");
		}
		strbuf_addf(text, "default of %s", value->path);
		if (value->kind == VALUE_OPTION) {
			strbuf_add(text, " = ");
			add_default(value, text);
		}
	}
	strbuf_add(text, ": ");
}

/* The prefix, and behind it what is wrong: it may repeat a value, which an administrator can write as he likes. */
__attribute__((format(printf, 4, 0))) static void
add_message(const struct config *config, const void *value, struct strbuf *text, const char *format, va_list arguments)
{
	char message[MESSAGE_MAX];

	if (vsnprintf(message, sizeof(message), format, arguments) < 0)
		message[0] = '\0';
	add_prefix(config, value, text);
	strbuf_add_printable(text, message);
}

int config_fault(const struct config *config, const void *value, struct err *err, const char *format, ...)
{
	char memory[2 * MESSAGE_MAX];
	struct strbuf text;
	va_list arguments;

	strbuf_open(&text, memory, sizeof(memory));
	va_start(arguments, format);
	add_message(config, value, &text, format, arguments);
	va_end(arguments);
	return err_set(err, "%s", memory);
}

void config_warn(struct config *config, const void *value, const char *format, ...)
{
	char memory[2 * MESSAGE_MAX];
	struct warning *warning = arena_alloc(&config->arena, sizeof(*warning));
	struct strbuf text;
	va_list arguments;

	strbuf_open(&text, memory, sizeof(memory));
	va_start(arguments, format);
	add_message(config, value, &text, format, arguments);
	va_end(arguments);
	warning->text = arena_strdup(&config->arena, memory);
	if (config->last_warning != NULL)
		config->last_warning->next = warning;
	else
		config->warnings = warning;
	config->last_warning = warning;
}

void config_each_warning(const struct config *config, void (*show)(void *context, const char *warning), void *context)
{
	for (const struct warning *warning = config->warnings; warning != NULL; warning = warning->next)
		show(context, warning->text);
}
