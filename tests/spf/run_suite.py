#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run_suite - every case of the SPF suites through mailreeve-check, offline: our own beside this file, and the public
suites of RFC 7208, RFC 4408 and RFC 4406 (Sender ID) where they are.

    MAILREEVE_CHECK=build/mailreeve-check tests/spf/run_suite.py [-v] [-j PROCESSES] [SUITE.yml ...] [NAME ...]

SUITE.yml: only these files; NAME: only cases whose name contains it. The public suites are looked for in SPF_SUITES,
by default ../shared/data/spf beside the project. Output: `ok - SUITE: CASE` or `not ok - SUITE: CASE: why`, then the
counts; the exit status is 1 when one failed, 77 when nothing can be run. -v shows the zone of each failure.

Whatever a case expects, the tool must end with 0, say nothing on standard error, print ASCII, stay within the limits of
RFC 7208 4.6.4, explain every temperror and permerror, and give an explanation with a fail alone.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

try:
	import yaml  # noqa: F401  (suite.py needs it)
except ImportError:
	print("python3-yaml is not installed: the SPF suites cannot be read")
	sys.exit(77)

import suite

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.environ.get("SRCDIR") or os.path.join(HERE, "..", ".."))
PUBLIC = os.environ.get("SPF_SUITES") or os.path.join(TOP, "..", "shared", "data", "spf")
PUBLIC_SUITES = ("rfc7208-tests.yml", "rfc4408-tests.yml", "rfc4406-tests.yml")
SCOPES = {"rfc4406-tests.yml": "mfrom"}  # its cases are about MAIL FROM, and say nothing of it
OVERRIDDEN = {"rfc4408-tests.yml": os.path.join(HERE, "overridden.yml")}
NO_SUITES = tuple(OVERRIDDEN.values())
PATIENCE_S = 120   # for one case, on a machine that is busy
WAITING_AT_ONCE = 8  # cases with !timeout wait, they do not work
TERMS_MAX, VOIDS_MAX, QUERIES_MAX = 10, 2, 125
JSON_KEYS = ("identity", "scope", "result", "explanation", "mechanism", "problem", "lookups", "void_lookups", "queries")


def program():
	"""The tool under test; exits with a plain sentence when there is none."""
	path = os.environ.get("MAILREEVE_CHECK", "")
	if not path or not os.access(path, os.X_OK):
		path = path or "mailreeve-check"
		sys.exit(f"{path} is not there: build first, and let MAILREEVE_CHECK name the program")
	return os.path.abspath(path)


def command(case, zone):
	"""The tool's command line."""
	words = [program(), "--spf", "--json", "--zone", zone, "--ip", case.host, "--helo", case.helo]
	words += ["--from", case.mail_from or "<>"]
	words += ["--receiver", case.receiver] if case.receiver else []
	words += ["--identity", case.identity] if case.identity else []
	words += ["--scope", case.scope] if case.scope else []
	return [os.fsencode(word) for word in words]


def verdict_of(output):
	"""The object that the tool printed for the identity asked about."""
	document = json.loads(output)
	missing = [key for key in JSON_KEYS if key not in document]
	if missing:
		raise ValueError(f"keys are missing: {', '.join(missing)}")
	return document


def complaints_about(case, verdict):
	"""What is wrong with a verdict."""
	found = []
	result, explanation = verdict["result"], verdict["explanation"]
	if result not in case.results:
		found.append(f"{' or '.join(case.results)} expected, got {result}")
	if case.explanation is not None and result == "fail" and explanation != case.explanation:
		found.append(f"explanation {case.explanation!r} expected, got {explanation!r}")
	for key in ("mechanism", "lookups", "void_lookups", "queries"):
		if key in case.expected and verdict[key] != case.expected[key]:
			found.append(f"{key} {case.expected[key]!r} expected, got {verdict[key]!r}")
	if "problem" in case.expected and not re.search(case.expected["problem"], verdict["problem"], re.I):
		found.append(f"problem /{case.expected['problem']}/ expected, got {verdict['problem']!r}")
	if verdict["identity"] != (case.identity or "mailfrom"):
		found.append(f"identity {verdict['identity']!r}")
	if verdict["scope"] != case.scope:
		found.append(f"scope {verdict['scope']!r}")
	return [f"{one} ({verdict['problem']})" if verdict["problem"] else one for one in found] + broken_rules(verdict)


def broken_rules(verdict):
	"""What holds for every verdict."""
	found = []
	over = 1 if verdict["result"] == "permerror" else 0  # the look-up that was one too many may be counted
	for key, most in (("lookups", TERMS_MAX + over), ("void_lookups", VOIDS_MAX + over), ("queries", QUERIES_MAX)):
		if not 0 <= verdict[key] <= most:
			found.append(f"{key} is {verdict[key]}, at most {most} is right")
	if bool(verdict["problem"]) != (verdict["result"] in ("temperror", "permerror")):
		found.append(f"{verdict['result']} with problem {verdict['problem']!r}")
	if verdict["explanation"] and verdict["result"] != "fail":
		found.append(f"{verdict['result']} with explanation {verdict['explanation']!r}")
	return found


def run_case(case, zone):
	"""Complaints about one case."""
	try:
		done = subprocess.run(command(case, zone), stdin=subprocess.DEVNULL, capture_output=True, check=False,
		                      timeout=PATIENCE_S)
	except subprocess.TimeoutExpired:
		return [f"no end within {PATIENCE_S} s"]
	said = done.stderr.decode("utf-8", "backslashreplace").strip()
	if done.returncode != 0 or said:
		return [f"exit status {done.returncode}: {said}"]
	if any(c > 0x7E or c < 0x20 and c not in b"\n\t" for c in done.stdout):
		return [f"not clean ASCII: {done.stdout!r}"]
	try:
		return complaints_about(case, verdict_of(done.stdout))
	except (ValueError, KeyError, TypeError) as error:
		return [f"{type(error).__name__}: {error}: {done.stdout.decode()!r}"]


def zone_files(cases, folder):
	"""Writes the zones, each once; text -> path."""
	paths = {}
	for case in cases:
		if case.zone not in paths:
			paths[case.zone] = os.path.join(folder, f"{len(paths)}.zone")
			with open(paths[case.zone], "w", encoding="utf-8") as file:
				file.write(case.zone)
	return paths


def run_cases(cases, processes):
	"""Complaints of each case, in order. Those that wait for deadlines begin first, beside the others."""
	with tempfile.TemporaryDirectory(prefix="mailreeve-spf-") as folder, \
			concurrent.futures.ThreadPoolExecutor(WAITING_AT_ONCE) as waiting, \
			concurrent.futures.ThreadPoolExecutor(processes) as working:
		paths = zone_files(cases, folder)
		pools = [waiting if case.waits else working for case in cases]
		futures = [pool.submit(run_case, case, paths[case.zone]) for pool, case in zip(pools, cases)]
		return [future.result() for future in futures]


def suites(words):
	"""(paths of the suites to run, lines about those that are not there)."""
	chosen = [word for word in words if word.endswith(".yml")]
	if chosen:
		return chosen, []
	ours = sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.endswith(".yml"))
	public = [os.path.join(PUBLIC, name) for name in PUBLIC_SUITES]
	missing = [f"ok - {os.path.basename(path)} # SKIP it is not in {PUBLIC}" for path in public
	           if not os.path.exists(path)]
	return [path for path in ours + public if path not in NO_SUITES and os.path.exists(path)], missing


def read(path, words):
	"""The cases of a suite whose name contains one of the words."""
	cases = suite.read_suite(path)
	table = OVERRIDDEN.get(os.path.basename(path))
	if table:
		with open(table, encoding="utf-8") as file:
			suite.override(cases, yaml.safe_load(file), table)
	for case in cases:
		case.scope = case.scope or SCOPES.get(os.path.basename(path), "")
	return [case for case in cases if not words or any(word in case.name for word in words)]


def report(label, case, complaints, verbose):
	"""One line, and for a failure what else there is to say."""
	if not complaints:
		print(f"ok - {label}: {case.name}")
		return
	print(f"not ok - {label}: {case.name} ({case.spec}): {complaints[0]}")
	for complaint in complaints[1:]:
		print("    " + complaint)
	if verbose:
		print("    " + " ".join(map(repr, command(case, "ZONE"))))
		print("".join(f"    | {line}\n" for line in case.zone.split("\n") if line), end="")


def main():
	"""The command line."""
	parser = argparse.ArgumentParser(description="SPF cases through mailreeve-check.")
	parser.add_argument("-v", "--verbose", action="store_true")
	parser.add_argument("-j", "--processes", type=int, default=2)
	parser.add_argument("words", nargs="*", metavar="SUITE.yml or NAME")
	options = parser.parse_args()
	program()
	paths, missing = suites(options.words)
	names = [word for word in options.words if not word.endswith(".yml")]
	found = [(os.path.basename(path), case) for path in paths for case in read(path, names)]
	for line in missing:
		print(line)
	outcomes = run_cases([case for _label, case in found], max(1, options.processes))
	for (label, case), complaints in zip(found, outcomes):
		report(label, case, complaints, options.verbose)
	failed = sum(map(bool, outcomes))
	print(f"{len(found) - failed} passed, {failed} failed" + (f", {len(missing)} skipped" if missing else ""))
	return 1 if failed or not found else 0


if __name__ == "__main__":
	try:
		sys.exit(main())
	except suite.SuiteError as suite_error:
		sys.exit(str(suite_error))
