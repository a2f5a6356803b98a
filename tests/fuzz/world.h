/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world - what a session is surrounded by, for the fuzz target `session`, and all of it in the input's hands: the time,
 * DNS, the log.
 *
 * Threads: one. world.c takes the place of base/clock.c, base/log.c and milter/listen.c in the programs of this folder:
 * time stands still unless somebody waits, and nothing is written anywhere.
 */
#ifndef MAILREEVE_TESTS_FUZZ_WORLD_H
#define MAILREEVE_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "headers/headers.h"

enum world_kind { WORLD_STRICT, WORLD_DEFAULT, WORLD_MONITOR, WORLD_EARLY };
#define WORLD_KINDS 4

/* The engine of this kind, made when it is first asked for and kept. */
struct engine *world_engine(enum world_kind kind);
const struct headers_settings *world_headers(void);

/*
 * A new world of DNS for the engine: the zone below every input's, and `zone` (lines of a zone file; those that cannot
 * be read are left out). `seed` and `damage` (of 256): how many answers are damaged, late or lost, and how.
 */
void world_open(struct engine *engine, const char *zone, uint32_t seed, uint8_t damage);

/* All that is owed is answered, nothing is remembered. Sessions must be closed. */
void world_close(void);

/* A callback begins: verdicts in the log are counted from here on. */
void world_stage(void);
unsigned world_verdicts(void);

/* So much time goes by; what is late comes if its time has come. */
void world_pass(int64_t ms);

#endif
