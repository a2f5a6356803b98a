/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_print - the whole configuration as a file that could be read again, and its digest.
 */
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "config/config_private.h"

#define LINE_OCTETS   100
#define INDENT_OCTETS 8 /* of a tab, for the help's line length */

struct printing {
	const struct config *config;
	FILE *out;
	bool open; /* for the digest: values as they are, without comments */
	bool help;
};

static void print_group(struct printing *printing, const struct option *group, void *element, int depth);

static void indent(const struct printing *printing, int depth)
{
	while (depth-- > 0)
		fputc('\t', printing->out);
}

/* The help as comment lines, broken between words. */
static void print_help(const struct printing *printing, const char *help, int depth)
{
	size_t width = LINE_OCTETS - (size_t)depth * INDENT_OCTETS, used = 0;

	if (help == NULL || !printing->help || *help == '\0')
		return;
	while (*help != '\0') {
		size_t length = strcspn(help, " \n");

		if (used > 0 && used + 1 + length > width) {
			fputc('\n', printing->out);
			used = 0;
		}
		if (used == 0) {
			indent(printing, depth);
			fputc('#', printing->out);
			used = 1;
		}
		fprintf(printing->out, " %.*s", (int)length, help);
		used += 1 + length;
		help += length + strspn(help + length, " \n");
	}
	fputc('\n', printing->out);
}

static void print_origin(const struct printing *printing, const void *address, enum value_kind kind, bool masked)
{
	const struct value *value = config_value_at(printing->config, address, kind);
	char memory[CONFIG_PLACE_SHOWN_MAX + 32];
	struct strbuf text;

	if (!printing->open) {
		strbuf_open(&text, memory, sizeof(memory));
		config_add_origin(value != NULL ? value->node : NULL, &text);
		fprintf(printing->out, " # %s%s", memory, masked ? "; its access key is masked" : "");
	}
	fputc('\n', printing->out);
}

static void print_value(const struct printing *printing, const struct option *option, const void *address, int depth)
{
	const struct config_row *row = option->row;

	print_help(printing, row->help, depth);
	indent(printing, depth);
	if (row->secret && !printing->open) /* as a comment: read again, it would be taken for the secret */
		fputs("# ", printing->out);
	fprintf(printing->out, "%s = ", option->name);
	value_write(row, address, printing->open, printing->out);
	fputc(';', printing->out);
	print_origin(printing, address, VALUE_OPTION, value_is_keyed_zone(row, address));
}

static void print_list(struct printing *printing, const struct option *option, const struct config_array *array,
                       int depth)
{
	bool help = printing->help;

	print_help(printing, option->row->help, depth);
	indent(printing, depth);
	fprintf(printing->out, "%s = (%s", option->name, array->n == 0 ? " );" : "");
	print_origin(printing, array, VALUE_OPTION, false);
	for (size_t i = 0; i < array->n; i++) {
		char *element = (char *)array->items + i * option->row->list->size;

		indent(printing, depth + 1);
		fputc('{', printing->out);
		print_origin(printing, element, VALUE_ELEMENT, false);
		print_group(printing, option->element, element, depth + 2);
		indent(printing, depth + 1);
		fprintf(printing->out, "}%s\n", i + 1 < array->n ? "," : "");
		printing->help = false; /* once is enough */
	}
	printing->help = help;
	if (array->n > 0) {
		indent(printing, depth);
		fputs(");\n", printing->out);
	}
}

static void print_group(struct printing *printing, const struct option *group, void *element, int depth)
{
	for (const struct option *option = group->first; option != NULL; option = option->next) {
		if (depth == 0 && option != group->first && !printing->open)
			fputc('\n', printing->out);
		if (option->row == NULL) {
			print_help(printing, option->help, depth);
			indent(printing, depth);
			fprintf(printing->out, "%s: {\n", option->name);
			print_group(printing, option, element, depth + 1);
			indent(printing, depth);
			fputs("};\n", printing->out);
		} else if (option->row->type == CONFIG_LIST) {
			print_list(printing, option, option_address(option, element), depth);
		} else {
			print_value(printing, option, option_address(option, element), depth);
		}
	}
}

void config_print(const struct config *config, FILE *out)
{
	struct printing printing = { .config = config, .out = out, .open = false, .help = true };

	fputs("# Every option, its value, and behind it where the value came from. Secrets are not shown.\n\n", out);
	print_group(&printing, config->options, NULL, 0);
}

uint16_t config_digest(const struct config *config)
{
	/* A fixed key: the digest must be the same in every process. It tells configurations apart, it protects
	 * nothing. */
	static const struct siphash_key key = { 0x6d61696c72656576, 0x65636f6e66696721 };
	struct printing printing = { .config = config, .open = true, .help = false };
	char *text = NULL;
	size_t octets = 0;
	uint64_t hash = 0;

	printing.out = open_memstream(&text, &octets);
	if (printing.out == NULL)
		return 0;
	print_group(&printing, config->options, NULL, 0);
	if (fclose(printing.out) == 0)
		hash = siphash(&key, text, octets);
	free(text);
	return (uint16_t)(hash ^ hash >> 16 ^ hash >> 32 ^ hash >> 48);
}
