# SPDX-License-Identifier: BSD-2-Clause
"""daemon - a mailreeve of its own in a private directory, for tests: start, reload, stop, kill, read its log.

Environment: MAILREEVE names the program (default: mailreeve in the current directory); SRCDIR the source tree
(default: where this file lies in it); SLOWNESS how many times as patient to be (1), where the program runs under
another one.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.path.abspath(os.environ.get("SRCDIR", os.path.join(HERE, "..", "..")))
sys.path.insert(0, os.path.join(SRCDIR, "tests", "scenarios"))

from logline import parse_log_line  # noqa: E402  (after the path)
from mta import SLOWNESS, MtaSession, open_socket  # noqa: E402
from smfi import Closed  # noqa: E402

METRICS_PROCESS = "reeve: metrics"  # its name
PATIENCE_S = 20 * SLOWNESS  # for anything that takes milliseconds on an idle machine


def program():
	"""The program under test; exits with a plain sentence when there is none."""
	path = os.environ.get("MAILREEVE", "mailreeve")
	if not os.access(path, os.X_OK):
		sys.exit(f"{path} is not there: build first, or let MAILREEVE name the program")
	return os.path.abspath(path)


def default_config():
	"""The configuration that is shipped."""
	return os.path.join(SRCDIR, "conf", "mailreeve.conf")


def wait_until(condition, what, patience=PATIENCE_S):
	"""Poll until `condition()` is true; its value. AssertionError names `what` when it never is."""
	end = time.monotonic() + patience
	while True:
		value = condition()
		if value:
			return value
		assert time.monotonic() < end, f"waited {patience} s in vain for {what}"
		time.sleep(0.005)


def process_state(pid):
	"""The letter of /proc/PID/stat ("R", "S", "Z"), or "" when there is no such process."""
	try:
		with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
			return file.read().rpartition(")")[2].split()[0]
	except (OSError, IndexError):
		return ""


def alive(pid):
	"""Is the process there, and no zombie?"""
	return process_state(pid) not in ("", "Z", "X")


def children(pid):
	"""Living child processes, oldest first."""
	try:
		with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
			return [int(child) for child in file.read().split() if alive(int(child))]
	except OSError:
		return []


def process_name(pid):
	"""What the kernel calls it, at most 15 octets; "" when it is not there."""
	try:
		with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
			return file.read().rstrip("\n")
	except OSError:
		return ""


def sanitized(pid):
	"""Does it run under a sanitizer or valgrind, whose shadow memory makes figures about memory meaningless?"""
	if "valgrind" in os.readlink(f"/proc/{pid}/exe"):
		return True
	with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
		sizes = [int(line.split()[1]) for line in file if line.startswith("VmSize:")]
	return max(sizes, default=0) > 1 << 30  # kilobytes: a terabyte


def resident_kb(pid):
	"""Resident memory of a process in kilobytes."""
	with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
		for line in file:
			if line.startswith("VmRSS:"):
				return int(line.split()[1])
	return 0


def run(*arguments, timeout=PATIENCE_S, env=None):
	"""Run the program to its end; the CompletedProcess with text output."""
	return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout, env=env,
			check=False)


class Daemon:
	"""One daemon. As a context manager it starts, and at the end stops and cleans up.

	overrides: list of "option=value"; zone: text of a zone file; socket: default a unix socket in the private
	directory; config: path of the configuration file; arguments: further command line; env: added to the environment;
	prefix: a command that runs the daemon's, as nohup(1) does.
	"""

	def __init__(self, overrides=(), zone="", socket=None, config=None, arguments=(), env=None, directory=None,
			prefix=()):
		self.own_directory = directory is None
		self.directory = directory or tempfile.mkdtemp(prefix="mailreeve-test-")
		self.socket = socket or "unix:" + self.path("milter.sock")
		self.config = config or default_config()
		self.overrides, self.arguments, self.env = list(overrides), list(arguments), dict(env or {})
		self.prefix = list(prefix)
		self.log_path = self.path("log")
		self.process = None
		self.write("zone", zone)

	def __enter__(self):
		try:
			return self.start()
		except BaseException:
			self.__exit__()
			raise

	def __exit__(self, *_args):
		self.stop()
		if self.own_directory:
			shutil.rmtree(self.directory, ignore_errors=True)

	def path(self, name):
		"""A path in the private directory."""
		return os.path.join(self.directory, name)

	def write(self, name, text):
		"""Write a file in the private directory, at one stroke; its path."""
		with open(self.path(name) + ".new", "w", encoding="utf-8") as file:
			file.write(text)
		os.replace(self.path(name) + ".new", self.path(name))
		return self.path(name)

	def command(self):
		"""The whole command line."""
		# Most tests have no world behind HELO and sender; later options win.
		options = [f"socket={self.socket}", f"pid_file={self.path('pid')}", "log=stderr", "dns.mode=zone",
				   f"dns.zone_file={self.path('zone')}", "helo.enabled=false", "sender.enabled=false"] + self.overrides
		command = [*self.prefix, program(), "-f", "-c", self.config]
		if os.geteuid() == 0:
			command.append("--allow-root")
			options.insert(0, "user=")
		for option in options:
			command += ["-o", option]
		return command + self.arguments

	# ---- life ----

	def start(self, wait=True, command=None):
		"""Start, by another command line than our own where one is given; with `wait` only come back when it serves."""
		with open(self.log_path, "ab") as log:
			self.process = subprocess.Popen(command or self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
											env=dict(os.environ, **self.env))
		if wait:
			self.wait_serving()
		return self

	def wait_serving(self):
		"""Wait until a negotiation is answered."""
		def serves():
			assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log_text()}"
			try:
				with self.session(timeout=PATIENCE_S) as session:
					session.negotiate()
					session.quit()
				return True
			except (OSError, Closed):
				return False
		wait_until(serves, f"{self.socket} to be served; its log:\n{self.log_text()}")

	def session(self, **options):
		"""A new MtaSession with this daemon."""
		return MtaSession(self.socket, **options)

	def connectable(self):
		"""Does its socket take a connection now?"""
		try:
			open_socket(self.socket).close()
			return True
		except OSError:
			return False

	@property
	def pid(self):
		"""The supervisor."""
		return self.process.pid

	def workers(self):
		"""The workers, oldest first."""
		return [pid for pid in self.children() if process_name(pid) != METRICS_PROCESS]

	def children(self):
		"""Every process of the supervisor."""
		return children(self.process.pid) if self.process else []

	def worker(self):
		"""The newest worker."""
		return wait_until(self.workers, "a worker")[-1]

	def signal(self, number):
		"""Signal the supervisor."""
		self.process.send_signal(number)

	def reload(self):
		"""SIGHUP, and wait until a new worker has taken over; the new worker. The old one may still take a connection."""
		before, seen = self.workers(), len(self.log_lines())
		self.signal(signal.SIGHUP)
		self.wait_log("reloaded", after=seen)
		worker = wait_until(lambda: [pid for pid in self.workers() if pid not in before],
				f"a new worker;\n{self.log_text()}")[-1]
		self.wait_serving()
		return worker

	def stop(self, patience=PATIENCE_S):
		"""SIGTERM and wait; SIGKILL when that does not help. The exit code (None: it had not been started)."""
		if self.process is None:
			return None
		workers = self.children()
		if self.process.poll() is None:
			self.process.send_signal(signal.SIGTERM)
			try:
				self.process.wait(patience)
			except subprocess.TimeoutExpired:
				self.process.kill()
				self.process.wait()
		for pid in workers:
			if alive(pid):
				try:
					os.kill(pid, signal.SIGKILL)
				except ProcessLookupError:
					pass
		return self.process.returncode

	def wait_exit(self, patience=PATIENCE_S):
		"""Wait for its end; the exit code."""
		return self.process.wait(patience)

	# ---- log ----

	def log_text(self):
		"""Everything it wrote."""
		with open(self.log_path, encoding="utf-8", errors="backslashreplace") as file:
			return file.read()

	def log_lines(self):
		"""Every line it wrote, without the newline."""
		return self.log_text().split("\n")[:-1]

	def verdicts(self):
		"""Every verdict as logline.LogLine; LogLineError when one is malformed."""
		return [found for found in map(parse_log_line, self.log_lines()) if found]

	def wait_verdicts(self, count):
		"""Wait until at least so many verdicts were logged; all of them."""
		wait_until(lambda: len(self.verdicts()) >= count, f"{count} verdicts in the log:\n{self.log_text()}")
		return self.verdicts()

	def wait_log(self, *words, after=0):
		"""Wait until a line contains all the words (not counting the first `after` lines); the line."""
		def find():
			return [line for line in self.log_lines()[after:] if all(word in line for word in words)]
		try:
			return wait_until(find, f"a line with {words}")[0]
		except AssertionError as error:
			raise AssertionError(f"{error}:\n{self.log_text()}") from None


# ---- what several tests of its start and stop need ----

EXIT_USAGE, EXIT_CANTCREAT, EXIT_NOPERM, EXIT_CONFIG = 64, 73, 77, 78


@contextlib.contextmanager
def unstarted(daemon):
	"""Cleans up behind a daemon without having started it."""
	try:
		yield daemon
	finally:
		daemon.stop()
		if daemon.own_directory:
			shutil.rmtree(daemon.directory, ignore_errors=True)


def exit_of(daemon):
	"""Start a daemon that should refuse to; its exit code."""
	daemon.start(wait=False)
	code = daemon.wait_exit()
	return code


def left_behind(daemon):
	"""Which of the socket and the pid file are there."""
	return [name for name in ("milter.sock", "pid") if os.path.lexists(daemon.path(name))]


def background(daemon):
	"""Its command line without -f."""
	return [word for word in daemon.command() if word != "-f"]
