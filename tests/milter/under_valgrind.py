# SPDX-License-Identifier: BSD-2-Clause
"""under_valgrind - runs tests of the milter client against a daemon under valgrind: no octet that nobody has written is
read, nothing is lost, and the daemon's processes end with that in their summaries.

    MAILREEVE=build/mailreeve python3 tests/milter/under_valgrind.py FOLDER [-v]
    ... MAILREEVE_LOAD=build/mailreeve-load python3 tests/milter/under_valgrind.py FOLDER --all [-v] [WORD ...]

FOLDER gets the wrapper and valgrind's logs. All of the protocol's tests, and a scenario or two of each kind: the rest
would take many minutes, and runs under the sanitizers. With --all the rest runs as well (with WORDs: the files whose
names contain one of them). Exit status 77: there is no valgrind.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SLOWNESS = 12  # and a busy machine on top of it
SCENARIOS = ["dkim-rsa", "dkim-weak-key", "dmarc-two-from", "domain-lists", "format-multipart", "hostile-octets",
			 "spf-explanation", "threshold-quarantine"]
SOME = [["test_protocol.py"], ["run_scenarios.py", *SCENARIOS]]
# What looks at the process, and sees valgrind: it loads no filter for system calls, and has descriptors of its own.
WITHOUT = ["test_worker_is_confined", "test_confinement_can_be_switched_off", "test_who_serves_has_nothing_else"]
# test_scenario_format has no daemon.
ALL = [["run_scenarios.py"]] + [[f"test_{name}.py", *(f"--without={test}" for test in WITHOUT)] for name in (
	"protocol", "start", "signals", "daemon", "hostile", "parallel", "hardening", "metrics", "metrics_server", "load")]
WRAPPER = """#!/bin/sh
exec valgrind --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=24 \\
	--suppressions='{here}/valgrind.supp' --log-file='{folder}/%p.log' '{program}' "$@"
"""
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors")
LEAK = re.compile(r" definitely lost in loss record ")
SIGNALLED = re.compile(r"Process terminating with default action of signal ")
# A signal with a reason behind it (an address), or abort(): the tests send signals as well, which have neither.
CRASH = re.compile(
	r"default action of signal \d+ [^\n]*\n==\d+==(  \S|(    [^\n]*\n==\d+==)*    by 0x[0-9A-F]+: abort )")
PROCESSES_MIN = 40  # a supervisor and a worker for each daemon, and some who only look at the configuration


def make_wrapper(folder):
	"""A program that is the daemon under valgrind; what it forks is under it, too."""
	program = pathlib.Path(os.environ.get("MAILREEVE", "mailreeve")).resolve()
	folder.mkdir(parents=True)
	folder.chmod(0o1777)  # a worker that is not root any more opens a log of its own
	wrapper = folder / "mailreeve"
	wrapper.write_text(WRAPPER.format(here=HERE, folder=folder, program=program), encoding="utf-8")
	wrapper.chmod(0o755)
	return wrapper


def is_bad(text):
	"""Has valgrind found something in this log? What a process has lost that was ended in the middle of something (where
	a pointer may be on its way) is no leak."""
	errors = int(SUMMARY.search(text)[1]) if SUMMARY.search(text) else 0
	if SIGNALLED.search(text):
		errors -= len(LEAK.findall(text))
	return errors > 0 or CRASH.search(text) is not None


def findings(folder, verbose):
	"""What valgrind says of each process; how many there were, and the worst of it."""
	ended, bad = 0, []
	for log in sorted(folder.glob("*.log")):
		text = log.read_text(encoding="utf-8", errors="replace")
		ended += SUMMARY.search(text) is not None  # who was killed has none
		if is_bad(text):
			bad.append(f"{log}: {text if verbose else text[:3000]}")
	return ended, bad


def run_suite(folder, script, arguments, verbose):
	"""One file of tests, with a folder of its own, since the numbers of processes come again. (Did a test fail?, how many
	processes ended, the worst of them)."""
	folder = folder / script.removesuffix(".py")
	env = {**os.environ, "MAILREEVE": str(make_wrapper(folder)), "SLOWNESS": str(SLOWNESS)}
	print(f"# {script}", flush=True)
	done = subprocess.run([sys.executable, str(HERE / script), *arguments], env=env, check=False)
	ended, bad = findings(folder, verbose)
	print(f"# {script}: {len(bad)} of {ended} processes have errors", flush=True)
	return done.returncode != 0, ended, bad


def main():
	words = [word for word in sys.argv[1:] if not word.startswith("-")]
	if not shutil.which("valgrind"):
		print("valgrind is not installed")
		return 77
	folder = pathlib.Path(words[0]).resolve()
	shutil.rmtree(folder, ignore_errors=True)
	suites = SOME
	if "--all" in sys.argv:
		suites = [suite for suite in ALL if not words[1:] or any(word in suite[0] for word in words[1:])]
	if not suites:
		sys.exit(f"none of the files of tests is called {' or '.join(words[1:])}")
	failed, ended, bad = zip(*(run_suite(folder, script, arguments, "-v" in sys.argv) for script, *arguments in suites))
	ended, bad = sum(ended), sum(bad, [])
	for text in bad:
		print(text)
	least = PROCESSES_MIN if len(words) == 1 else 1
	if bad or ended < least:
		print(f"not ok - valgrind: {len(bad)} of {ended} processes have errors (at least {least} must have ended)")
		return 1
	print(f"ok - valgrind has nothing to say about {ended} processes")
	return 1 if any(failed) else 0


if __name__ == "__main__":
	sys.exit(main())
