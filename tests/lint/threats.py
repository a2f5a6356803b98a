#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""threats - mailreeve-threats(7) names only limits, options and tests that exist, and leaves no threat without a test.

Environment: MAILREEVE names the program. Prints `ok - WHAT`, `not ok - WHAT: DETAIL` or `ok - WHAT # SKIP WHY`; exit
status 1 when anything is not ok.
"""
import os
import re
import sys

import manual
from manual import named_options, page_lines, program, program_options, report, top

PAGE = "mailreeve-threats.7"
PARTS = ("Worst:", "Stopped:", "Shown:")
# Words of C's and the system's, not limits of ours.
NOT_OURS = {"_FORTIFY_SOURCE", "SIGSYS"}
TEST_FILE = re.compile(r"\.Li (tests/[\w./-]+)(?: ,)?")
FUNCTIONS = re.compile(r"\.Pq Li (\w[\w ,]*)")


def named(macro, text):
    """Every word that the macro marks, in a line of its own or behind another macro."""
    found = []
    for line in text.splitlines():
        words = line.split() if line.startswith(".") else []
        inside = False
        for word in words:
            if re.fullmatch(r"\.?[A-Z][a-z]", word):
                inside = word.lstrip(".") == macro
            elif inside and re.fullmatch(r"\w{2,}", word):
                found.append(word)
    return found


def threats(lines):
    """(title, text) of every item between the comments."""
    found, inside = [], False
    for line in lines:
        if line in ('.\\" threats: begin', '.\\" threats: end'):
            inside = line.endswith("begin")
        elif inside and line.startswith(".It "):
            found.append((line.removeprefix(".It Em "), []))
        elif inside and found:
            found[-1][1].append(line)
    return [(title, "\n".join(text)) for title, text in found]


def tests_of(lines):
    """(file, function) of every test that is named: `.Li FILE` and, below it, `.Pq Li FUNCTION , ...`; else ""."""
    found = []
    for line, below in zip(lines, lines[1:] + [""]):
        path, functions = TEST_FILE.fullmatch(line), FUNCTIONS.fullmatch(below)
        if path:
            found += [(path[1], name) for name in (functions[1].replace(",", " ").split() if functions else [""])]
    return found


def missing_parts(title, text):
    """What a threat does not say."""
    lines = text.splitlines()
    gaps = [f"{title}: there is no \"{part}\"" for part in PARTS if not any(line.startswith(part) for line in lines)]
    shown = text.partition("Shown:")[2].splitlines()
    return gaps + [f"{title}: no test shows it"] * (not tests_of(shown))


def test_fault(path, function):
    """Why a test that the page names cannot be run; None: it can."""
    name = f"{path}:{function}"
    if not (top / path).is_file():
        return f"{name}: there is no such file"
    if not function:
        return None if path.endswith(".scenario") else f"{name}: which test of it?"
    text = (top / path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        return None if re.search(rf"^def {function}\(", text, re.M) else f"{name}: there is no such function"
    run = re.search(rf"\b\w+\({function}\b", text[text.rfind("int main("):])
    defined = re.search(rf"^static void {function}\(void \*\*", text, re.M)
    return None if run and defined else f"{name}: there is no such test, or it is not run"


def limits_of_sources():
    found = set()
    for path in (top / "src").rglob("*.[ch]"):
        found |= set(re.findall(r"^#define (\w+)", path.read_text(encoding="utf-8"), re.M))
    return found


def main():
    lines = page_lines(PAGE)
    found = threats(lines)
    report("every threat says what it causes, where it is stopped and what shows it",
           [gap for title, text in found for gap in missing_parts(title, text)] if len(found) > 20 else ["too few"])
    faults = [test_fault(path, function) for path, function in sorted(set(tests_of(lines)))]
    report("every test that the page names exists", [fault for fault in faults if fault])
    limits = set(named("Dv", "\n".join(lines))) - NOT_OURS
    report("every limit that the page names exists",
           [f"{name} is no #define in src/" for name in sorted(limits - limits_of_sources())] or
           ["none is named"] * (not limits))
    if os.access(program, os.X_OK):
        options = program_options()[1]
        report("every option that the page names exists",
               [f"{PAGE}:{number}: {path}" for number, path in named_options(lines) if path not in options])
    else:
        print(f"ok - every option that the page names exists # SKIP {program} is not there")
    manual.check_documents((PAGE,))
    return 1 if manual.failed else 0


if __name__ == "__main__":
    sys.exit(main())
