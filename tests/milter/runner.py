# SPDX-License-Identifier: BSD-2-Clause
"""runner - runs the plain functions test_* of a module: `ok NAME` or `FAILED NAME: why`, then the counts.

Arguments are parts of names: only tests that contain one of them run; --without=NAME leaves one out. -v shows the trace
of a failure.
"""
import sys
import time
import traceback


def run_tests(module, arguments=None):
	"""Run them in the order of the file; the exit code."""
	arguments = sys.argv[1:] if arguments is None else arguments
	words = [word for word in arguments if not word.startswith("-")]
	without = [word.partition("=")[2] for word in arguments if word.startswith("--without=")]
	tests = [(name, test) for name, test in vars(module).items() if name.startswith("test_") and callable(test)]
	failed = done = 0
	for name, test in tests:
		if name in without or words and not any(word in name for word in words):
			continue
		done += 1
		begin = time.monotonic()
		try:
			note = test()
			print(f"ok {name} ({time.monotonic() - begin:.1f} s){': ' + str(note) if note else ''}", flush=True)
		except Exception as error:  # a test may fail in any way; the next one runs all the same
			failed += 1
			print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
			if "-v" in arguments:
				traceback.print_exc()
	print(f"{done} tests, {failed} failed")
	return 1 if failed or not done else 0
