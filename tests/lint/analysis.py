#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""analysis - what cppcheck and clang-tidy think of the sources.

Both see what the compiler sees: the flags come from the Makefile beside the program (MAILREEVE). What clang-tidy looks
for stands in .clang-tidy. Prints `ok - RULE` or `not ok - RULE` and the findings; exit status 1 when any fails.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

from _tools import Missing, failed, files, find_tool, jobs, rule, top

FILE_PATIENCE_S = 300  # for one file; it takes seconds
PATIENCE_S = 900
FINDING = re.compile(r"^(?P<place>/.*:\d+):\d+: (?:error|warning): (?P<text>.*)$", re.M)
# What clang-tidy writes to its standard error when all is well.
CHATTER = re.compile(r"^(?:\d+ (?:warnings?|errors?)(?: and \d+ errors?)? (?:generated|treated as errors?)\.?|"
                     r"Suppressed \d+ warnings .*|Use -(?:header-filter|system-headers)\S* .*|)$")
PRINT_FLAGS = "print-flags: ; @printf '%s\\n' $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS)"

# What only tells that a function is not for threads: readdir() is as long as each has its own DIR (readdir_r() is what
# glibc advises against), and users and groups are looked up before there are threads.
NO_FINDINGS = ("readdirCalled", "getgrnamCalled:*/privileges.c", "getpwnamCalled:*/privileges.c",
               "getpwuidCalled:*/privileges.c")

build = pathlib.Path(os.environ.get("MAILREEVE") or top / "build" / "mailreeve").resolve().parent


def compiler_flags():
    if not (build / "Makefile").is_file():
        raise Missing(f"the compiler's flags are unknown: configure first, {build / 'Makefile'} is not there")
    command = ["make", "--silent", "--no-print-directory", "--eval=" + PRINT_FLAGS, "print-flags"]
    # make -n, -j and the like of an outer make are not for this one.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(command, cwd=build, env=env, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    flags = done.stdout.splitlines()
    if "-std=c11" not in flags:
        raise AssertionError(f"the Makefile's flags look odd: {' '.join(flags)}")
    # The sources of this tree, whichever the Makefile was made for; and errors are clang-tidy's to call.
    flags = [flag for flag in flags if flag != "-Werror" and not flag.startswith(("-I", "-fsanitize"))]
    return flags + [f"-I{top / 'src'}"]


def cppcheck_findings():
    command = [find_tool("cppcheck"), "--quiet", f"-j{jobs}", "--enable=warning,performance,portability", "--std=c11",
               "--library=posix,gnu", "--inline-suppr", "--error-exitcode=1",
               "--template={file}:{line}: {message} [{id}]"]
    command += [f"--suppress={finding}" for finding in NO_FINDINGS]
    command += [flag for flag in compiler_flags() if flag.startswith(("-D", "-I"))]
    try:
        done = subprocess.run(command + files(".c"), cwd=top, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return [f"cppcheck has not finished in {PATIENCE_S} s"]
    found = (done.stdout + done.stderr).splitlines()
    return found or ([f"exit status {done.returncode}"] if done.returncode else [])


def tidy(tool, name, flags):
    """The findings in one file and the headers it includes."""
    command = [tool, "--quiet", str(top / name), "--", *flags]
    try:
        done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False, timeout=FILE_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return [f"{name}: clang-tidy has not finished in {FILE_PATIENCE_S} s"]
    found = [f"{os.path.relpath(finding['place'], top)}: {finding['text'].replace(',-warnings-as-errors', '')}"
             for finding in FINDING.finditer(done.stdout)]
    # A mistake in .clang-tidy, say: it would go on with other checks.
    found += [f"{name}: {line}" for line in done.stderr.splitlines() if not CHATTER.match(line)]
    return found or ([f"{name}: exit status {done.returncode}"] if done.returncode else [])


def tidy_findings():
    tool, flags = find_tool("clang-tidy"), compiler_flags()
    if not (top / ".clang-tidy").is_file():
        return [".clang-tidy is not there"]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda name: tidy(tool, name, flags), files(".c"))
        return sorted({line for lines in found for line in lines})


def main():
    rule("cppcheck has nothing to say", cppcheck_findings)
    rule("clang-tidy has nothing to say", tidy_findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
