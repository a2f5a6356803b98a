# SPDX-License-Identifier: BSD-2-Clause
"""test_signals - signals at any moment of the start, and a crash while it stops.

    MAILREEVE=build/mailreeve python3 tests/milter/test_signals.py [-v] [part of a name ...]
"""
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time

from daemon import (EXIT_CONFIG, PATIENCE_S, Daemon, alive, background, children, left_behind, run, unstarted,
		wait_until)
from mta import open_socket
from runner import run_tests
from test_daemon import crash_and_check
from test_protocol import HEADERS, ZONE, check_serves, started


IGNORING = ("env", "--ignore-signal=HUP", "--ignore-signal=TERM", "--ignore-signal=INT", "--ignore-signal=USR1",
		"--ignore-signal=CHLD")
# What a shell starts in the background ignores SIGINT: these tests may be among it.
OBEYING = ("env", "--default-signal=INT", "--default-signal=TERM")


def check_ended(daemon, code=0):
	"""It ends with this code, and takes its files with it."""
	found = daemon.wait_exit()
	assert found == code, f"ended with {found}, not {code}:\n{daemon.log_text()}"
	assert not left_behind(daemon), f"left behind: {left_behind(daemon)}"


def spin_until(condition, what):
	"""As wait_until, but not a moment later."""
	end = time.monotonic() + PATIENCE_S
	while not condition():
		assert time.monotonic() < end, f"waited in vain for {what}"


def signal_a_start(number, name, delay_s):
	"""One start, signalled so long after the file of that name was made (None: after exec). Was it obeyed?"""
	with unstarted(Daemon([], ZONE)) as daemon:
		daemon.start(wait=False)
		if name:
			spin_until(lambda: os.path.lexists(daemon.path(name)) or daemon.process.poll() is not None, name)
		due = time.monotonic() + delay_s
		spin_until(lambda: time.monotonic() >= due, "the clock")
		daemon.signal(number)
		if name is None and not left_behind(daemon) and daemon.log_text() == "":
			# It may not have come to its first line yet: then the signal ends it, and there is nothing to leave behind.
			wait_until(lambda: daemon.process.poll() is not None or daemon.log_text(), "a sign of life")
			if daemon.process.poll() == -number:
				check_ended(daemon, -number)
				return False
		if number == signal.SIGHUP:
			daemon.wait_serving()
			daemon.signal(signal.SIGTERM)
		check_ended(daemon)
		return True


def test_signals_at_any_moment_of_the_start():
	"""SIGHUP never ends it, SIGTERM always does, and neither leaves a file behind."""
	delays = (0, 0.0003, 0.001, 0.003, 0.01)
	cases = [(number, name, delay) for number in (signal.SIGHUP, signal.SIGTERM)
			for name in (None, "milter.sock", "pid") for delay in delays]
	obeyed, wrong = 0, []
	for number, name, delay in cases:
		try:
			obeyed += signal_a_start(number, name, delay)
		except AssertionError as error:
			wrong.append(f"{number.name} {delay * 1000:g} ms after {name or 'exec'}: {error}")
	assert not wrong, f"{len(wrong)} of {len(cases)} starts: " + "; ".join(wrong)
	return f"{obeyed} of {len(cases)} signals came after its first line"


@contextlib.contextmanager
def held_up(daemon, command=None):
	"""Start it, and hold it up just before it makes its socket; the process that is held up."""
	directory = os.open(daemon.directory, os.O_RDONLY)
	try:
		fcntl.flock(directory, fcntl.LOCK_EX)
		daemon.start(wait=False, command=command)

		def waits(pid):
			try:
				return any(os.path.samefile(f"/proc/{pid}/fd/{fd}", daemon.directory)
						for fd in os.listdir(f"/proc/{pid}/fd"))
			except OSError:
				return False
		yield wait_until(lambda: [pid for pid in [daemon.pid, *children(daemon.pid)] if waits(pid)],
				"it to come to its socket")[0]
	finally:
		os.close(directory)


def test_signals_before_the_socket_wait():
	"""What came before there was anybody to obey is obeyed when there is, also where it was ignored by the caller."""
	for prefix in ((), IGNORING):
		with unstarted(Daemon([], ZONE, prefix=prefix)) as daemon:
			with held_up(daemon):
				for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
					daemon.signal(number)
			daemon.wait_log("reloaded")
			check_serves(daemon)
			daemon.signal(signal.SIGTERM)
			check_ended(daemon)
		for number in (signal.SIGTERM, signal.SIGINT):
			with unstarted(Daemon([], ZONE, prefix=prefix)) as daemon:
				with held_up(daemon):
					daemon.signal(number)
				check_ended(daemon)


def test_ignored_signals_are_obeyed():
	"""nohup(1) ignores SIGHUP for what it starts: here it is no hang-up, but the administrator's word."""
	with Daemon([], ZONE, prefix=IGNORING) as daemon:
		daemon.reload()
		crash_and_check(daemon)
		daemon.signal(signal.SIGINT)
		check_ended(daemon)


def test_background_command_can_be_interrupted():
	"""It waits for the daemon with the signals that it was called with; the daemon goes its own way."""
	for prefix, number in ((OBEYING, signal.SIGINT), (OBEYING, signal.SIGTERM), (("nohup",), signal.SIGTERM)):
		with unstarted(Daemon(["log=syslog"], ZONE, prefix=prefix)) as daemon:
			with held_up(daemon, background(daemon)) as pid:
				assert pid != daemon.pid, "it did not go to the background"
				if prefix != OBEYING:
					daemon.signal(signal.SIGHUP)
					assert daemon.process.poll() is None, "nohup(1) did not help"
				daemon.signal(number)
				assert daemon.wait_exit() == -number
			try:
				wait_until(daemon.connectable, "it to serve")
				check_serves(daemon)
			finally:
				os.kill(pid, signal.SIGTERM)
				wait_until(lambda pid=pid: not alive(pid), "the daemon to end")
			assert not left_behind(daemon), left_behind(daemon)


def test_background_that_fails_with_sigchld_ignored():
	"""The kernel forgets the exit codes of the children of such a process."""
	with unstarted(Daemon(["dns.zone_file=/nonexistent/zone"], ZONE, prefix=IGNORING)) as daemon:
		done = subprocess.run(background(daemon), capture_output=True, timeout=PATIENCE_S, check=False)
		assert done.returncode == EXIT_CONFIG, f"{done.returncode}: {done.stderr}"


def test_nobody_reads_standard_error():
	"""It warns into a pipe without a reader, before it serves and after."""
	with unstarted(Daemon(["files_max=1024"], ZONE)) as daemon:
		daemon.write("log", "")
		reading, writing = os.pipe()
		os.close(reading)
		try:
			daemon.process = subprocess.Popen(daemon.command(), stdin=subprocess.DEVNULL, stderr=writing)
		finally:
			os.close(writing)
		daemon.wait_serving()
		daemon.signal(signal.SIGTERM)
		check_ended(daemon)


def test_crash_while_it_stops():
	"""Nobody is left who would take a connection: the socket must not look alive while older sessions finish."""
	with unstarted(Daemon(["drain_s=60"], ZONE)) as daemon:
		daemon.start()
		with started(daemon) as session:
			worker = daemon.reload()
			os.kill(worker, signal.SIGSTOP)
			with open_socket(daemon.socket) as waiting:
				daemon.signal(signal.SIGTERM)
				daemon.wait_log("stopping")
				os.kill(worker, signal.SIGKILL)
				wait_until(lambda: not os.path.lexists(daemon.path("milter.sock")), "the socket to be given up")
				waiting.settimeout(PATIENCE_S)
				with contextlib.suppress(ConnectionError):
					assert waiting.recv(1) == b""
			assert session.message(headers=HEADERS).accepted, "the older session did not survive"
			session.quit()
		check_ended(daemon)


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
