#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""layers - the rules of the house that can be read off the sources.

Layers include only to the left; a third-party header is included by one file; every file has its SPDX line, stays below
its size, and names no machine. Prints `ok - RULE` or `not ok - RULE: where` for each; exit status 1 when any fails.
"""
import os
import pathlib
import re
import sys

LAYERS = ["base", "mail", "dns", "config", "evidence", "net", "state", "spf", "dkim", "dmarc", "policy", "checks", "engine",
          "headers", "milter", "daemon", "tools"]
# Headers of libraries, each with the only file that may include it.
ADAPTORS = {
    "libmilter/mfapi.h": "src/milter/callbacks.c",
    "libconfig.h": "src/config/config_file.c",
    "unbound.h": "src/dns/unbound_context.c",
    "unbound-event.h": "src/dns/unbound_context.c",
    "event2/event.h": "src/dns/dns_unbound.c",
    "idn2.h": "src/mail/idn.c",
    "jansson.h": "src/tools/json.c",
    "microhttpd.h": "src/daemon/metrics_http.c",
    "seccomp.h": "src/daemon/sandbox.c",
    "libpsl.h": "src/mail/suffix.c",
    "opendkim/dkim.h": "src/dkim/headerhash.c",
}
LINES_MAX = 500
COMMENTED = (".c", ".h", ".py", ".sh", ".am", ".ac", ".conf", ".1", ".5", ".7", ".8", ".service", ".scenario")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# What never belongs into the tree: paths of somebody's machine.
MACHINE = re.compile(r"/(?:home|root|work)/[a-z]")

top = pathlib.Path(os.environ.get("SRCDIR") or pathlib.Path(__file__).resolve().parents[2])
failures = {}


def fail(rule, where):
    failures.setdefault(rule, []).append(where)


def project_files():
    for folder in ("src", "conf", "man", "tests", "contrib"):
        for path in sorted((top / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def check_include(name, layer, kind, included):
    if kind == '"':
        other = included.split("/")[0]
        if "/" not in included or other not in LAYERS:
            fail("includes are written from src/", f"{name}: {included}")
        elif LAYERS.index(other) > LAYERS.index(layer):
            fail("layers include only to the left", f"{name} ({layer}) includes {included}")
    elif ADAPTORS.get(included, name) != name:
        fail("a library's header is included by its adaptor only", f"{name} includes <{included}>")


def check_source(path, name, text):
    layer = path.relative_to(top / "src").parts[0]
    if layer not in LAYERS:
        fail("every folder of src/ is a layer", name)
        return
    for kind, included in INCLUDE.findall(text):
        check_include(name, layer, kind, included)
    if path.suffix == ".h" and not re.match(r"/\*[^\n]*SPDX[^\n]*\n/\*\n \* [a-z_0-9]+ - ", text):
        fail("a header opens with what it is for", name)


def main():
    rules = ["includes are written from src/", "layers include only to the left",
             "a library's header is included by its adaptor only", "every folder of src/ is a layer",
             "a header opens with what it is for", "every file names its licence",
             "a file stays below %d lines" % LINES_MAX, "no machine is named"]
    for path in project_files():
        name = str(path.relative_to(top))
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix in (".c", ".h") and name.startswith("src/"):
            check_source(path, name, text)
        if path.suffix in COMMENTED and "SPDX-License-Identifier: BSD-2-Clause" not in text[:400]:
            fail("every file names its licence", name)
        if path.suffix in (".c", ".h", ".py", ".sh") and text.count("\n") > LINES_MAX:
            fail("a file stays below %d lines" % LINES_MAX, f"{name}: {text.count(chr(10))}")
        if MACHINE.search(text) and name != "tests/lint/layers.py":
            fail("no machine is named", name)
    for rule in rules:
        print(f"not ok - {rule}: {'; '.join(failures[rule])}" if rule in failures else f"ok - {rule}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
