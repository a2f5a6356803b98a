# SPDX-License-Identifier: BSD-2-Clause
"""mailreeve - the daemon as an administrator would run it: the shipped configuration in /etc/mailreeve, started by root,
serving as its own user, logging to syslog. Environment: MAILREEVE names the program."""
import os
import shutil
import signal
import subprocess
import sys
import time

from namespace import WORK, write
from postfix import QUEUE
from syslogd import MAIL_LOG, LogReader

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.path.abspath(os.environ.get("SRCDIR") or os.path.join(HERE, "..", ".."))
SHIPPED = os.path.join(SRCDIR, "conf", "mailreeve.conf")
CONFIG = "/etc/mailreeve/mailreeve.conf"
SOCKET = QUEUE + "/mailreeve/mailreeve.sock"
STDERR = WORK + "/mailreeve.stderr"
PATIENCE_S = 30
STOP_PATIENCE_S = 40


def program():
	"""The program under test; exits with a plain sentence when there is none."""
	path = os.environ.get("MAILREEVE", "")
	if not path or not os.access(path, os.X_OK):
		sys.exit(f"{path or 'mailreeve'} is not there: build first, and let MAILREEVE name the program")
	return os.path.abspath(path)


class Mailreeve:
	"""One daemon at a time: start() with overrides, stop()."""

	def __init__(self):
		self.process = None
		self.overrides = []

	def start(self, overrides=(), config_text=None, socket_option="unix:" + SOCKET):
		"""Start and wait until it says that it serves. RuntimeError with what it said instead."""
		os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
		if config_text is None:
			shutil.copy(SHIPPED, CONFIG)
		else:
			write(CONFIG, config_text)
		os.chmod(CONFIG, 0o644)
		self.overrides = [f"socket={socket_option}"] + list(overrides)
		log = LogReader(MAIL_LOG)
		with open(STDERR, "wb") as stderr:
			self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
			                                cwd="/")
		self._wait_said(log, "started: worker")
		return self

	def command(self):
		"""The command line."""
		return [program(), "-f", "-c", CONFIG] + [word for text in self.overrides for word in ("-o", text)]

	def _wait_said(self, log, words):
		"""Wait for a line of the daemon's with one of the words; the line."""
		end, said = time.monotonic() + PATIENCE_S, []
		while True:
			ended = self.process.poll() is not None
			said += [line for line in log.lines() if " mailreeve[" in line]
			for line in said:
				if words in line:
					return line
			if ended or time.monotonic() > end:
				state = f"ended with {self.process.returncode}" if ended else f"did not say {words!r}"
				raise RuntimeError(f"mailreeve {state}: {self.stderr()} {said}")
			time.sleep(0.005)

	@staticmethod
	def stderr():
		"""What it wrote to standard error."""
		with open(STDERR, encoding="utf-8", errors="backslashreplace") as file:
			return file.read().strip()

	def workers(self):
		"""Its living child processes."""
		with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
			return [int(word) for word in file.read().split()]

	def reload(self, config_text=None, says="reloaded:"):
		"""SIGHUP, and wait until it has said what came of it."""
		if config_text is not None:
			write(CONFIG, config_text)
		log = LogReader(MAIL_LOG)
		self.process.send_signal(signal.SIGHUP)
		return self._wait_said(log, says)

	def kill(self):
		"""SIGKILL for the supervisor and every worker, as a crash of all of it."""
		pids = [self.process.pid] + self.workers()
		for pid in pids:
			try:
				os.kill(pid, signal.SIGKILL)
			except ProcessLookupError:
				pass
		self.process.wait()
		end = time.monotonic() + PATIENCE_S
		while any(_alive(pid) for pid in pids[1:]) and time.monotonic() < end:
			time.sleep(0.005)

	def stop(self):
		"""SIGTERM and wait; the exit status. RuntimeError when it has to be killed."""
		if self.process is None or self.process.poll() is not None:
			return self.process and self.process.returncode
		self.process.send_signal(signal.SIGTERM)
		try:
			return self.process.wait(STOP_PATIENCE_S)
		except subprocess.TimeoutExpired:
			self.kill()
			raise RuntimeError(f"mailreeve does not end {STOP_PATIENCE_S} s after SIGTERM") from None


def _alive(pid):
	try:
		with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
			return file.read().rpartition(")")[2].split()[0] not in "ZX"
	except OSError:
		return False
