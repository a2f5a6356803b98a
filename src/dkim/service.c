/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "base/base.h"
#include "dkim/verify_internal.h"

struct dkim_settings dkim_default_settings(void)
{
	return (struct dkim_settings){ .key_cache_max = 1024, .bits_min = 1024, .bits_max = 4096, .clock_skew_s = 300 };
}

struct dkim_service *dkim_service_open(const struct dkim_settings *settings, struct err *err)
{
	struct dkim_library *library = dkim_library_open(err);
	struct dkim_service *service;

	if (library == NULL)
		return NULL;
	service = memory_new(sizeof(*service));
	service->settings = *settings;
	service->library = library;
	service->keys = dkim_keys_open(settings->key_cache_max > 0 ? (size_t)settings->key_cache_max : 0);
	return service;
}

void dkim_service_close(struct dkim_service **service)
{
	if (*service == NULL)
		return;
	dkim_keys_close(&(*service)->keys);
	dkim_library_close(&(*service)->library);
	free(*service);
	*service = NULL;
}

const char *dkim_code_name(enum dkim_code code)
{
	static const char *const names[] = { "none", "pass", "fail", "neutral", "policy", "temperror", "permerror" };

	return (size_t)code < COUNT(names) ? names[code] : "";
}
