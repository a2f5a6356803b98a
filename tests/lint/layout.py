#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""layout - C looks as clang-format says, and no comment is too wide.

clang-format leaves comments as they are, so their width is looked at here; a string that is too long stays whole, so
that it can be searched for. Prints `ok - RULE` or `not ok - RULE` and the places; exit status 1 when any fails.
"""
import re
import subprocess
import sys

from _tools import failed, files, find_tool, rule, top

COLUMNS_MAX = 120
TAB = 8
# Strings and character constants come along so that what looks like a comment in them is none.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)


def unformatted():
    command = [find_tool("clang-format"), "--dry-run", "-Werror", "--style=file", "--fallback-style=none"]
    if not (top / ".clang-format").is_file():
        return [".clang-format is not there"]
    command += files(".c", ".h")
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False, timeout=300)
    found = [line for line in done.stderr.splitlines() if ": error: " in line]
    return found or (done.stderr.splitlines() + [f"exit status {done.returncode}"] if done.returncode else [])


def wide_lines(name, text, first=1):
    widths = enumerate((len(line.expandtabs(TAB)) for line in text.split("\n")), first)
    return [f"{name}:{number}: {width} columns" for number, width in widths if width > COLUMNS_MAX]


def wide_comments():
    found = []
    for name in files(".c", ".h"):
        text = (top / name).read_text(encoding="utf-8")
        for token in TOKEN.finditer(text):
            if token[0][0] != "/":
                continue
            begin = text.rfind("\n", 0, token.start()) + 1
            first = text.count("\n", 0, begin) + 1
            # What stands in front of the comment counts, what stands behind it does not.
            found += wide_lines(name, text[begin:token.end()], first)
    return found


def main():
    rule("C is laid out as clang-format says", unformatted)
    rule(f"no comment goes beyond column {COLUMNS_MAX}", wide_comments)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
