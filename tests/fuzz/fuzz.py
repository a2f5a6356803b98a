#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""fuzz - builds the fuzz targets with clang in a folder of their own, and runs them one after the other.

    fuzz.py [--build FOLDER] [--short] [TARGET ...]      all targets, or those named

Each runs for FUZZ_SECONDS (default an hour); with --short for some seconds, with a fixed seed and one process a target,
FUZZ_JOBS (default: as many as there are processors) of them beside each other. What breaks a target is kept in
FOLDER/found, what was learnt in FOLDER/corpus: the next run goes on from there. Prints a line a target:

    ok - fuzz spf_record: 1234567 inputs, 2100 features
    not ok - fuzz spf_record: FOLDER/found/spf_record-crash-1a2b3c: dns.c:12: does not hold: ...

What was found becomes a file tests/fuzz/corpus/TARGET/found-WHAT, and the parser's own test says what is right.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(os.environ.get("SRCDIR") or pathlib.Path(__file__).resolve().parents[2])
HERE = TOP / "tests" / "fuzz"
HOUR_S = 3600
SHORT_S = 7
SESSION_SHORT_S = 20  # it reaches everything that the others do, and more
GRACE_S = 120  # beyond its time, to read the seeds and to end
INPUT_S = 20  # no single input may take longer, sanitizers and a busy machine included
MEMORY_MB = 3000
SEED = 20261121
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=0",
              "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
COUNTERS = re.compile(r"^#(\d+)\s+\w+\s+cov: \d+ ft: (\d+)", re.M)
REASON = re.compile(r"^(?:.*?: )?(?:\S+: does not hold: .*|\S+ runtime error: .*|==\d+==\s*ERROR: .*)$", re.M)


def build(folder):
    """The program; its output goes to a file, and its end is shown when it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "tests" / "fuzz" / "fuzz"
    commands = [["make", f"-j{os.cpu_count() or 1}", "tests/fuzz/fuzz"]]
    if not (folder / "Makefile").is_file():
        commands.insert(0, [str(TOP / "configure"), "--quiet", "CC=clang", "CFLAGS=-O1 -g",
                            "--enable-sanitizers=fuzzer-no-link,address,undefined"])
    # make -n, -j and the like of an outer make are not for this one.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with open(folder / "build.log", "wb") as log:
        for command in commands:
            if subprocess.run(command, cwd=folder, env=env, stdout=log, stderr=log, check=False).returncode != 0:
                log.flush()
                tail = (folder / "build.log").read_text(errors="replace").splitlines()[-12:]
                sys.exit("\n".join(["not ok - fuzz: the targets cannot be built", *tail]))
    return program


def targets(program):
    """All that the program knows, as it lists them when it is given none."""
    done = subprocess.run([str(program)], env={**os.environ, "FUZZ_TARGET": ""}, capture_output=True, text=True,
                          check=False)
    return done.stderr.rpartition("one of:")[2].split()


def arguments(program, name, folder, short):
    command = [str(program), f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1",
               f"-artifact_prefix={folder / 'found' / name}-"]
    dictionary = HERE / f"{name}.dict"
    if dictionary.is_file():
        command.append(f"-dict={dictionary}")
    if name == "session":
        command.append("-entropic=0")  # a third of the time goes into its books, with so many features
    if name == "config":
        command.append("-detect_leaks=0")  # libconfig's own make it look after each input; what is lost shows at the end
    if short:
        seconds = SESSION_SHORT_S if name == "session" else SHORT_S
        seconds = int(os.environ.get("FUZZ_SECONDS", seconds))
        # What is learnt is forgotten: the next run begins as this one did.
        learnt = folder / "short" / name
        shutil.rmtree(learnt, ignore_errors=True)
        command.append(f"-seed={SEED}")
    else:
        seconds = int(os.environ.get("FUZZ_SECONDS", HOUR_S))
        learnt = folder / "corpus" / name
    learnt.mkdir(parents=True, exist_ok=True)
    return [*command, f"-max_total_time={seconds}", str(learnt), str(HERE / "corpus" / name)], seconds


def found(folder, name, before):
    """The files that were not there before: inputs that break the target."""
    return sorted(path for path in (folder / "found").glob(f"{name}-*") if path not in before)


def fuzz(program, name, folder, short):
    """Run one target; whether it held."""
    (folder / "found").mkdir(parents=True, exist_ok=True)
    before = set((folder / "found").glob(f"{name}-*"))
    command, seconds = arguments(program, name, folder, short)
    log = folder / f"{name}.log"
    with open(log, "wb") as output:
        try:
            status = subprocess.run(command, env={**os.environ, **SANITIZERS, "FUZZ_TARGET": name}, stdout=output,
                                    stderr=output, timeout=seconds + GRACE_S, check=False).returncode
        except subprocess.TimeoutExpired:
            status = "it has not ended"
    text = log.read_text(errors="replace")
    counters = COUNTERS.findall(text)
    if status == 0 and counters:
        print(f"ok - fuzz {name}: {counters[-1][0]} inputs, {counters[-1][1]} features", flush=True)
        return True
    reason = REASON.search(text)
    inputs = " ".join(str(path) for path in found(folder, name, before)) or str(log)
    print(f"not ok - fuzz {name}: {inputs}: {reason[0] if reason else f'exit status {status}'}", flush=True)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("fuzz"))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    if not shutil.which("clang"):
        print("clang is not installed: the targets only ran over their seeds (tests/fuzz/replay)")
        return 77
    folder = options.build.resolve()
    program = build(folder)
    known = targets(program)
    unknown = [name for name in options.targets if name not in known]
    if unknown or not known:
        sys.exit(f"there is no target {' '.join(unknown)}; there are: {' '.join(known)}")
    jobs = int(os.environ.get("FUZZ_JOBS", os.cpu_count() or 1)) if options.short else 1
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        held = list(pool.map(lambda name: fuzz(program, name, folder, options.short), options.targets or known))
    print(f"{len(held)} targets, {held.count(False)} failed")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
