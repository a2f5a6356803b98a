#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""binaries - what the compiler and the linker were asked for stands in the programs that came out.

Reads them with readelf and objdump. A property that this architecture has no name for, and what a sanitizer build does
without on purpose, is skipped, with the reason; everything else must be there. Prints `ok - RULE`, `ok - RULE # SKIP
WHY` or `not ok - RULE` and the findings; exit status 1 when any fails.
"""
import functools
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

from _tools import Missing, failed, rule, top

PROGRAMS = ("mailreeve", "mailreeve-check")
# Wide enough that some function of ours must have it: a frame larger than a page is probed.
PROBES = {
    "x86_64": re.compile(r"\b(?:or|test|mov)[qlb]?\s+\$0x0,(?:0x[0-9a-f]+)?\(%rsp\)"),
    "aarch64": re.compile(r"\bstr\s+xzr, \[sp(?:, #\d+)?\]"),
}
# What each object must promise so that the linker may promise it for the program.
BRANCHES = {
    "x86_64": (r"x86 feature: .*IBT.*SHSTK", "endbr64"),
    "aarch64": (r"AArch64 feature: .*BTI.*PAC", "bti"),
}

build = pathlib.Path(os.environ.get("MAILREEVE") or top / "build" / "mailreeve").resolve().parent


def make_variable(name):
    """A variable of the build's Makefile; "" when it is not there."""
    text = (build / "Makefile").read_text(encoding="utf-8") if (build / "Makefile").is_file() else ""
    found = re.search(rf"^{name} = *(.*)$", text, re.M)
    return found[1] if found else ""


@functools.lru_cache(maxsize=None)
def output_of(*command):
    if not shutil.which(command[0]):
        raise Missing(f"{command[0]} is not there (binutils)")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=dict(os.environ, LC_ALL="C"))
    return done.stdout


def readelf(what, name):
    return output_of("readelf", "-W", what, str(build / name))


def hardened(needs_no_sanitizer=False):
    """Raises Missing where the build was told to do without."""
    if not (build / "Makefile").is_file():
        raise Missing(f"how it was configured is unknown: {build / 'Makefile'} is not there")
    if not make_variable("HARDENING_LDFLAGS"):
        raise Missing("it was configured with --disable-hardening")
    if needs_no_sanitizer and make_variable("SANITIZE_FLAGS"):
        raise Missing("it was configured with --enable-sanitizers, whose checks this would hide")


def of_architecture(table, what):
    machine = platform.machine()
    if machine not in table:
        raise Missing(f"{what} has no form on {machine} that is known here")
    return table[machine]


def each_program(findings):
    """The findings in every program, with its name."""
    for name in PROGRAMS:
        if not (build / name).is_file():
            return [f"{build / name} is not there: build first, or let MAILREEVE name the program"]
    return [f"{name}: {text}" for name in PROGRAMS for text in findings(name)]


def missing(condition, text):
    return [] if condition else [text]


def pie(name):
    hardened()
    kind, dynamic = readelf("-h", name), readelf("-d", name)
    return missing(re.search(r"Type: +DYN", kind) and re.search(r"\(FLAGS_1\).*\bPIE\b", dynamic),
                   "its code has a fixed address")


def relro(name):
    hardened()
    return (missing(re.search(r"^ +GNU_RELRO ", readelf("-l", name), re.M), "there is no GNU_RELRO segment") +
            missing(re.search(r"\(FLAGS(?:_1)?\).*\b(?:BIND_)?NOW\b", readelf("-d", name)),
                    "functions are bound late: their table stays writable"))


def no_execution(name):
    segments = readelf("-l", name)
    stack = re.search(r"^ +GNU_STACK .*", segments, re.M)
    both = [line.split()[0] for line in segments.splitlines() if re.search(r" RWE +0x", line)]
    return (missing(stack and not re.search(r" R?W?E +0x", stack[0]), "the stack is executable") +
            [f"{segment} can be written and run" for segment in both])


def no_surprises(name):
    dynamic = readelf("-d", name)
    found = re.findall(r"\((RPATH|RUNPATH|TEXTREL)\)", dynamic)
    mode = (build / name).stat().st_mode
    return [f"it has {entry}" for entry in found] + missing(not mode & 0o6000, "it is setuid or setgid")


def stack_protector(name):
    hardened()
    return missing("__stack_chk_fail" in readelf("--dyn-syms", name), "__stack_chk_fail is never called")


def fortified(name):
    hardened(needs_no_sanitizer=True)
    if not re.search(r"-O[1-3sg]", make_variable("CFLAGS")):
        raise Missing("it was built without optimisation, which this needs")
    checked = set(re.findall(r" (__\w+_chk)\b", readelf("--dyn-syms", name))) - {"__stack_chk_fail"}
    return missing(len(checked) >= 3, f"only these of libc's functions are checked: {sorted(checked)}")


def branches(name):
    hardened()
    note, landing = of_architecture(BRANCHES, "control-flow protection")
    main = re.search(r"<main>:\n[^\n]*\n", output_of("objdump", "-d", "--no-show-raw-insn", str(build / name)))
    return missing(main and landing in main[0], f"main() does not begin with {landing}") + unmarked_objects(note)


def unmarked_objects(note):
    """The linker lets a program promise only what every object does, those of libc too: so ours are asked themselves."""
    objects = re.split(r"^File: ", readelf("-n", "libmailreeve.a"), flags=re.M)[1:]
    unmarked = [text.split("\n")[0].rpartition("(")[2].rstrip(")") for text in objects if not re.search(note, text)]
    if not objects:
        return ["libmailreeve.a has no objects"]
    return missing(not unmarked, f"{len(unmarked)} of {len(objects)} objects of libmailreeve.a have no mark: "
                                 f"{' '.join(unmarked[:3])} ... (make clean, where the flags have changed)")


def stack_clash(name):
    hardened()
    probe = of_architecture(PROBES, "a stack probe")
    return missing(probe.search(output_of("objdump", "-d", "--no-show-raw-insn", str(build / name))),
                   "no function touches each page of a large frame")


RULES = (
    ("programs are position-independent", pie),
    ("relocations are read-only when main() begins", relro),
    ("nothing can be both written and run, the stack not at all", no_execution),
    ("no search path of libraries, no relocations in code, no setuid bit", no_surprises),
    ("stack frames are guarded", stack_protector),
    ("large stack frames are probed page by page", stack_clash),
    ("libc's functions are the checked ones", fortified),
    ("indirect branches have marked targets", branches),
)


def main():
    for text, findings in RULES:
        rule(text, functools.partial(each_program, findings))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
