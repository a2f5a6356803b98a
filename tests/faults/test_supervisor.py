#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_supervisor - what the supervisor does when nothing goes as it should: workers that die in the middle of reloads, no
descriptors, no processes.

    MAILREEVE=build/mailreeve tests/faults/test_supervisor.py [NAME ...]
"""
import contextlib
import os
import random
import resource
import signal
import sys
import time

from faultlab import EXIT_SKIPPED, expect, fd_count, run_tests, status_of, tests_of, wait_until
from daemon import Daemon, alive, sanitized
from probe import Prober
from test_daemon import LENIENT, STRICT, with_file
from test_protocol import ZONE, check_serves

SEED = 20261121
TURNS = 80
CALM_S = 20
GROWTH_KB = 1024


def settle(daemon):
	"""One worker, that serves; a reload works."""
	wait_until(lambda: len(daemon.workers()) == 1, f"one worker;\n{daemon.log_text()[-1500:]}", CALM_S)
	check_serves(daemon)
	daemon.reload()
	wait_until(lambda: len(daemon.workers()) == 1, "one worker after a reload", CALM_S)


def test_workers_die_during_reloads():
	"""Workers are killed at any moment of a reload, old ones and new ones: no connection is refused, and it all ends well."""
	chance, killed = random.Random(SEED), 0
	with with_file(LENIENT) as daemon:
		supervisor = daemon.pid
		with Prober(daemon.socket) as prober:
			for turn in range(TURNS):
				if turn == TURNS // 4:
					before = fd_count(supervisor), status_of(supervisor, "VmRSS")
				daemon.write("conf", (LENIENT, STRICT, "policy: {\n")[turn % 3])
				daemon.signal(signal.SIGHUP)
				time.sleep(chance.uniform(0, 0.02))
				with contextlib.suppress(ProcessLookupError, IndexError):  # there may be none at the moment
					os.kill(chance.choice(daemon.workers()), chance.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)))
					killed += 1
				time.sleep(chance.uniform(0, 0.05))
			daemon.write("conf", LENIENT)
			settle(daemon)
			prober.wait_served(5)
		expect(not prober.refused and not prober.silent, f"refused: {prober.refused[:2]}, silent: {prober.silent[:2]}")
		expect(daemon.process.poll() is None, "the supervisor died")
		after = fd_count(supervisor), status_of(supervisor, "VmRSS")
		grown = 0 if sanitized(supervisor) else after[1] - before[1]
		expect(after[0] <= before[0] + 2 and grown < GROWTH_KB, f"descriptors and kilobytes: {before}, {after}")
		expect(daemon.stop() == 0, "it did not stop well")
		return (f"{TURNS} reloads, {killed} workers killed; {prober.served} knocks, {len(prober.lost)} of them dropped, the slowest "
		        f"{prober.slowest * 1000:.0f} ms")


def test_supervisor_without_descriptors():
	"""It can neither reload nor replace; what serves goes on, and all is well again when there is room."""
	with with_file(LENIENT) as daemon:
		_soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
		worker = daemon.worker()
		resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (fd_count(daemon.pid), hard))
		seen = len(daemon.log_lines())
		daemon.signal(signal.SIGHUP)
		daemon.wait_log("reload refused", after=seen)
		expect(daemon.workers() == [worker], "the worker was replaced")
		check_serves(daemon)
		os.kill(worker, signal.SIGKILL)
		daemon.wait_log("cannot replace the worker", after=seen)
		expect(daemon.connectable(), "the socket is refused")
		resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
		settle(daemon)
		expect(not alive(worker), "the worker lives")


def test_supervisor_stopped():
	"""It hangs (SIGSTOP): the worker serves on; a worker that dies meanwhile is replaced when it goes on."""
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		daemon.signal(signal.SIGSTOP)
		try:
			check_serves(daemon)
			os.kill(worker, signal.SIGKILL)
			expect(daemon.connectable(), "the socket is refused")
		finally:
			daemon.signal(signal.SIGCONT)
		settle(daemon)


def test_worker_stopped():
	"""It hangs: a reload puts a new one in its place, without a connection refused."""
	with Daemon([], ZONE) as daemon:
		worker = daemon.worker()
		os.kill(worker, signal.SIGSTOP)
		try:
			seen = len(daemon.log_lines())
			daemon.signal(signal.SIGHUP)
			daemon.wait_log("reloaded", after=seen)
			check_serves(daemon)
		finally:
			os.kill(worker, signal.SIGCONT)
		settle(daemon)


if __name__ == "__main__":
	if os.geteuid() != 0:
		print("test_supervisor: it takes limits away and gives them back, which needs root", file=sys.stderr)
		sys.exit(EXIT_SKIPPED)
	resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	sys.exit(run_tests(tests_of(globals())))
