# SPDX-License-Identifier: BSD-2-Clause
"""_tools - what the lint scripts share: the tree's files, other people's programs, and how a rule reports."""
import os
import pathlib
import re
import shutil
import subprocess

top = pathlib.Path(os.environ.get("SRCDIR") or pathlib.Path(__file__).resolve().parents[2])
jobs = len(os.sched_getaffinity(0))
failed = []
# Another version lays out otherwise and finds other things: the ones of Debian 12 decide.
DECIDING = {
    "clang-format": ("14", r"version 14\."),
    "clang-tidy": ("14", r"version 14\."),
    "cppcheck": ("2.10", r"Cppcheck 2\.10\b"),
}


class Missing(Exception):
    """The program, or what it needs, is not there; the text says so."""


def find_tool(name):
    """The path of the version that decides."""
    version, pattern = DECIDING[name]
    found = ""
    for candidate in (f"{name}-{version}", name):
        path = shutil.which(candidate)
        if path:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=60)
            if re.search(pattern, done.stdout):
                return path
            found = " ".join(done.stdout.split("\n")[0].split())
    raise Missing(f"{name} {version} decides, and " + (f"there is only: {found}" if found else "there is none"))


def files(*suffixes):
    """The tree's files with these suffixes, as relative paths."""
    found = [path.relative_to(top) for folder in ("src", "tests") for path in (top / folder).rglob("*")]
    found = sorted(str(path) for path in found if path.suffix in suffixes and "__pycache__" not in path.parts)
    if not found:
        raise AssertionError(f"no file {' '.join(suffixes)} below {top}")
    return found


def rule(text, findings):
    """Report one rule: `findings()` returns a line for each violation, and raises Missing when it cannot look."""
    try:
        found = findings()
    except Missing as missing:
        print(f"ok - {text} # SKIP {missing}", flush=True)
        return
    if found:
        failed.append(text)
        print(f"not ok - {text}: {len(found)} found", *found, sep="\n    ", flush=True)
    else:
        print(f"ok - {text}", flush=True)
