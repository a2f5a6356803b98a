/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_write - values as text: as the file had them, for errors; and as libconfig reads them, for --print-config.
 */
#include <string.h>

#include "base/ip.h"
#include "config/config_private.h"

#define HIDDEN          "(hidden)"
#define POINTS_TEXT_MAX 32

static void add_string(const struct config_row *row, const struct node *node, struct strbuf *text)
{
	char masked[CONFIG_STRING_OCTETS_MAX + 1];
	const char *shown = node->text;

	if (value_is_zone(row) && strlen(shown) < sizeof(masked))
		shown = config_mask_zone(node->text, masked, sizeof(masked));
	strbuf_add(text, "\"");
	strbuf_add_clean(text, shown, "\"", CONFIG_VALUE_SHOWN_MAX);
	strbuf_add(text, "\"");
}

void value_add_written(const struct config_row *row, const struct node *node, struct strbuf *text)
{
	if (row->secret) {
		strbuf_add(text, HIDDEN);
		return;
	}
	switch (node->type) {
	case NODE_STRING:
		add_string(row, node, text);
		break;
	case NODE_BOOL:
	case NODE_NUMBER:
		strbuf_add_clean(text, node->text, NULL, CONFIG_VALUE_SHOWN_MAX);
		break;
	case NODE_GROUP:
		strbuf_add(text, "{ a group }");
		break;
	case NODE_ARRAY:
		strbuf_addf(text, "[ %zu element%s ]", node->n_children, node->n_children == 1 ? "" : "s");
		break;
	case NODE_LIST:
		strbuf_addf(text, "( %zu element%s )", node->n_children, node->n_children == 1 ? "" : "s");
		break;
	}
}

void value_write_string(const char *text, FILE *out)
{
	static const char escaped[] = "\"\\\n\r\t\f", letters[] = "\"\\nrtf";
	const char *found;

	fputc('"', out);
	for (; *text != '\0'; text++) {
		if ((found = strchr(escaped, *text)) != NULL)
			fprintf(out, "\\%c", letters[found - escaped]);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fprintf(out, "\\x%02x", (unsigned int)(unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void write_points(int milli, FILE *out)
{
	char memory[POINTS_TEXT_MAX];
	struct strbuf text;

	if (milli == CONFIG_OFF) {
		value_write_string("off", out);
		return;
	}
	strbuf_open(&text, memory, sizeof(memory));
	strbuf_add_points(&text, milli);
	fputs(memory, out);
}

static void write_array(const struct config_row *row, const struct config_array *array, bool open, FILE *out)
{
	char text[NET_TEXT_MAX];

	if (row->secret && !open) {
		fputs("[ \"" HIDDEN "\" ]", out);
		return;
	}
	fputs("[", out);
	for (size_t i = 0; i < array->n; i++) {
		fputs(i > 0 ? ", " : " ", out);
		if (row->type == CONFIG_NETWORKS)
			value_write_string(net_format(&((const struct net *)array->items)[i], text), out);
		else
			value_write_string(((const char *const *)array->items)[i], out);
	}
	fputs(" ]", out);
}

static void write_text(const struct config_row *row, const char *text, bool open, FILE *out)
{
	char masked[CONFIG_STRING_OCTETS_MAX + 1];

	if (value_is_zone(row) && !open)
		text = config_mask_zone(text, masked, sizeof(masked));
	value_write_string(text, out);
}

void value_write(const struct config_row *row, const void *address, bool open, FILE *out)
{
	if (row->type == CONFIG_STRINGS || row->type == CONFIG_NETWORKS) {
		write_array(row, address, open, out);
		return;
	}
	if (row->secret && !open) {
		value_write_string(HIDDEN, out);
		return;
	}
	switch (row->type) {
	case CONFIG_BOOL:
		fputs(*(const bool *)address ? "true" : "false", out);
		break;
	case CONFIG_INT:
		fprintf(out, "%d", *(const int *)address);
		break;
	case CONFIG_MODE:
		fprintf(out, "\"%04o\"", (unsigned int)*(const int *)address);
		break;
	case CONFIG_STRING:
		write_text(row, *(const char *const *)address, open, out);
		break;
	case CONFIG_ENUM:
		value_write_string(row->choices[*(const int *)address], out);
		break;
	case CONFIG_POINTS:
	case CONFIG_POINTS_OR_OFF:
		write_points(*(const int *)address, out);
		break;
	default: /* a list is written element by element */
		break;
	}
}
