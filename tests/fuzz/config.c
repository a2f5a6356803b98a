/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - fuzz target: the text of a configuration file. What is printed of a configuration reads the same.
 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine.h"
#include "fuzz.h"
#include "headers/headers.h"

/* A file without a name in any folder. */
struct nameless {
	int fd;
	char path[64];
};

static void nameless_open(struct nameless *file, const void *octets, size_t length)
{
	file->fd = memfd_create("configuration", MFD_CLOEXEC);
	FUZZ_CHECK(file->fd >= 0);
	FUZZ_CHECK(write(file->fd, octets, length) == (ssize_t)length);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

struct reading {
	struct engine_config *engine;
	struct headers_settings headers;
	struct config *config;
};

static struct config *reading_open(struct reading *reading, const void *octets, size_t length, struct err *err)
{
	struct config_section sections[ENGINE_SECTIONS_MAX + 1];
	struct nameless file;

	nameless_open(&file, octets, length);
	reading->engine = engine_config_open();
	size_t n = engine_config_sections(reading->engine, sections);
	sections[n++] = (struct config_section){ "headers", "Headers.", headers_rows, headers_n_rows,
		                                 &reading->headers };
	reading->config = config_open(file.path, NULL, 0, sections, n, err);
	close(file.fd);
	return reading->config;
}

static void reading_close(struct reading *reading)
{
	config_close(&reading->config);
	engine_config_close(&reading->engine);
}

/* Nothing in it is hidden, so the text says all. */
static bool is_whole(const char *text)
{
	return !strstr(text, "(hidden)") && !strstr(text, "masked");
}

static void check_printed(const struct config *config)
{
	struct reading again;
	struct err err = { "" };
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	config_print(config, out);
	(void)fclose(out);
	if (is_whole(text)) {
		FUZZ_CHECK(reading_open(&again, text, length, &err) != NULL);
		FUZZ_CHECK(config_digest(again.config) == config_digest(config));
		reading_close(&again);
	}
	free(text);
}

static void check_warning(void *context, const char *warning)
{
	(void)context;
	FUZZ_CHECK(warning[0] && fuzz_is_printable(warning));
}

/* Lines of printable text. */
static bool is_error_text(const char *text)
{
	for (; *text; text++)
		if ((*text < 0x20 || *text > 0x7e) && *text != '\n')
			return false;
	return true;
}

/* What the checks and the policy think of it. */
static void check_engine(struct reading *reading)
{
	struct err err = { "" };
	struct engine *engine = engine_open(reading->engine, reading->config, &err);

	FUZZ_CHECK(engine || (err.text[0] && is_error_text(err.text)));
	config_each_warning(reading->config, check_warning, NULL);
	engine_close(&engine);
}

/* No other file is read: there may be anything on the machine at hand. */
static bool includes(const uint8_t *octets, size_t length)
{
	return memmem(octets, length, "@", 1) != NULL;
}

void fuzz_config(const uint8_t *octets, size_t length)
{
	struct reading reading;
	struct err err = { "" };

	if (includes(octets, length))
		return;
	if (reading_open(&reading, octets, length, &err)) {
		check_printed(reading.config);
		check_engine(&reading);
	} else {
		FUZZ_CHECK(err.text[0] && is_error_text(err.text));
	}
	reading_close(&reading);
}
