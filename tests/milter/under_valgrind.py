# SPDX-License-Identifier: BSD-2-Clause
"""under_valgrind - runs tests of the milter client against a daemon under valgrind: no octet that nobody has written is
read, nothing is lost, and the daemon's processes end with that in their summaries.

    MAILREEVE=build/mailreeve python3 tests/milter/under_valgrind.py FOLDER [-v]

FOLDER gets the wrapper and valgrind's logs. All of the protocol's tests, and a scenario or two of each kind: the rest
would take many minutes, and runs under the sanitizers. Exit status 77: there is no valgrind.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = ["dkim-rsa", "dkim-weak-key", "dmarc-two-from", "domain-lists", "format-multipart", "hostile-octets",
			 "spf-explanation", "threshold-quarantine"]
SUITES = [["test_protocol.py"], ["run_scenarios.py", *SCENARIOS]]
WRAPPER = """#!/bin/sh
exec valgrind --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=24 \\
	--log-file='{folder}/%p.log' '{program}' "$@"
"""
SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors")
PROCESSES_MIN = 40  # a supervisor and a worker for each daemon, and some who only look at the configuration


def make_wrapper(folder):
	"""A program that is the daemon under valgrind; what it forks is under it, too."""
	program = pathlib.Path(os.environ.get("MAILREEVE", "mailreeve")).resolve()
	shutil.rmtree(folder, ignore_errors=True)
	folder.mkdir(parents=True)
	wrapper = folder / "mailreeve"
	wrapper.write_text(WRAPPER.format(folder=folder, program=program), encoding="utf-8")
	wrapper.chmod(0o755)
	return wrapper


def findings(folder, verbose):
	"""What valgrind says of each process; how many there were, and the worst of it."""
	ended, bad = 0, []
	for log in sorted(folder.glob("*.log")):
		text = log.read_text(encoding="utf-8", errors="replace")
		errors = SUMMARY.search(text)
		ended += errors is not None  # who was killed has none
		if (errors and int(errors[1])) or "Process terminating with default action of signal 11" in text:
			bad.append(f"{log}: {text if verbose else text[:3000]}")
	return ended, bad


def main():
	arguments = [word for word in sys.argv[1:] if not word.startswith("-")]
	if not shutil.which("valgrind"):
		print("valgrind is not installed")
		return 77
	folder = pathlib.Path(arguments[0]).resolve()
	env = {**os.environ, "MAILREEVE": str(make_wrapper(folder))}
	failed = 0
	for script, *names in SUITES:
		failed += subprocess.run([sys.executable, str(HERE / script), *names], env=env, check=False).returncode != 0
	ended, bad = findings(folder, "-v" in sys.argv)
	for text in bad:
		print(text)
	if bad or ended < PROCESSES_MIN:
		print(f"not ok - valgrind: {len(bad)} of {ended} processes have errors (at least {PROCESSES_MIN} must have ended)")
		return 1
	print(f"ok - valgrind has nothing to say about {ended} processes")
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())
