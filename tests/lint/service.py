#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""service - the systemd unit keeps the daemon as closed as it can be, and lets it do what it must.

Asks systemd-analyze, which needs no running systemd. Environment: MAILREEVE names the program. Prints `ok - RULE`,
`ok - RULE # SKIP WHY` or `not ok - RULE` and the findings; exit status 1 when any fails.
"""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from _tools import Missing, failed, rule, top

EXPOSURE_MAX = 1.2
UNIT = top / "contrib" / "mailreeve.service"
PROGRAM = os.path.abspath(os.environ.get("MAILREEVE") or top / "build" / "mailreeve")
# What the supervisor and the start need beyond the worker's own list.
SUPERVISOR_CALLS = {"clone", "clone3", "execve", "kill", "wait4", "signalfd4", "setpgid", "setsid", "prctl", "seccomp",
                    "openat", "fchmod", "ftruncate", "flock", "mmap", "mprotect", "prlimit64", "socket", "ioctl"}
# Alternatives that libc takes on other architectures, or never; old systemd does not know them all.
RARE_CALLS = {"epoll_ctl_old", "epoll_wait_old", "cacheflush", "set_tls", "riscv_flush_icache"}


@functools.lru_cache(maxsize=None)
def analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        raise Missing("systemd-analyze is not there")
    done = subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False,
                          timeout=120, env=dict(os.environ, LC_ALL="C", SYSTEMD_COLORS="0"))
    return done.stdout + done.stderr


def settings(name):
    """Every word that the unit gives a setting, in order."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if line.startswith(name + "=") for word in line.partition("=")[2].split()]


def exposure():
    said = analyze("security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    if not found and re.search(r"unrecognized|[Uu]nknown|invalid option", said):
        raise Missing("this systemd-analyze is too old for --offline")
    if not found:
        return [f"systemd-analyze says: {said.strip()}"]
    if float(found[1]) <= EXPOSURE_MAX:
        return []
    open_doors = [line.strip() for line in said.splitlines() if re.search(r" 0\.\d$", line.strip())]
    return [f"exposure is {found[1]}, at most {EXPOSURE_MAX} is wanted", *open_doors]


def verified():
    """systemd's own reading of it, with programs that are there."""
    analyze("--version")
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / UNIT.name
        path.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", UNIT.read_text(encoding="utf-8"), flags=re.M),
                        encoding="utf-8")
        said = analyze("verify", "--man=no", "--recursive-errors=no", str(path))
        return [line for line in said.splitlines() if UNIT.name in line]


def call_sets():
    """Name of a set -> its calls, sets within sets taken apart."""
    sets, members = {}, []
    for line in analyze("syscall-filter").splitlines():
        words = line.strip()
        if line.startswith("@"):
            members = sets.setdefault(words, [])
        elif words and not words.startswith("#"):
            members.append(words)

    def calls(name):
        if not name.startswith("@"):
            return {name}
        return set().union(*map(calls, sets.get(name, [])))
    return {name: calls(name) for name in sets}


def allowed_calls():
    """What the unit's SystemCallFilter leaves."""
    sets = call_sets()
    if "@system-service" not in sets:
        raise Missing("this systemd-analyze does not know what @system-service is")
    left = set(sets["@default"])
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(encoding="utf-8"), re.M):
        words = line.removeprefix("~").split()
        calls = set().union(*(sets.get(word, {word}) for word in words))
        left = left - calls if line.startswith("~") else left | calls
    return left


def calls_fit():
    source = (top / "src" / "daemon" / "sandbox.c").read_text(encoding="utf-8")
    table = re.search(r"\ballowed\[\] = \{(.*?)\n\};", source, re.S)
    words = {word for text in re.findall(r'"([a-z0-9_ ]+)"', table[1]) for word in text.split()} if table else set()
    if len(words) < 100:
        return ["the list of allowed calls was not found in src/daemon/sandbox.c"]
    known = set().union(*call_sets().values())
    return [f"{name} is needed, and the unit refuses it"
            for name in sorted(((words - RARE_CALLS) & known | SUPERVISOR_CALLS) - allowed_calls())]


def families_fit():
    source = (top / "src" / "daemon" / "sandbox.c").read_text(encoding="utf-8")
    spoken = set(re.findall(r"family == (AF_\w+)", source))
    given = set(settings("RestrictAddressFamilies"))
    return [f"{family} stands in one of sandbox.c and the unit only" for family in sorted(spoken ^ given)]


def places_fit():
    if not os.access(PROGRAM, os.X_OK):
        raise Missing(f"{PROGRAM} is not there")
    done = subprocess.run([PROGRAM, "--print-config", "-c", "/dev/null"], capture_output=True, text=True, check=True,
                          timeout=60)
    places = [f"/run/{name}/" for name in settings("RuntimeDirectory")]
    places += [path.lstrip("-") + "/" for path in settings("ReadWritePaths")]
    found = []
    for option in ("socket", "pid_file"):
        path = re.search(rf'^{option} = "(?:unix:)?([^"]*)"', done.stdout, re.M)[1]
        found += [f"{option} = {path} cannot be made there"] * (not path.startswith(tuple(places)))
    return found


def main():
    rule(f"the unit's exposure is at most {EXPOSURE_MAX}", exposure)
    rule("systemd has nothing to say about the unit", verified)
    rule("the unit allows every call that the daemon needs", calls_fit)
    rule("the unit allows the socket families that the worker speaks, and no other", families_fit)
    rule("the default socket and pid file lie where the unit lets them be made", places_fit)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
