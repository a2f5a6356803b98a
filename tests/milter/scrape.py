# SPDX-License-Identifier: BSD-2-Clause
"""scrape - asks a daemon for its metrics and its health, as Prometheus does and as it should not."""
import contextlib
import socket
import threading
import time

import prometheus
from daemon import METRICS_PROCESS, PATIENCE_S, Daemon, process_name, wait_until
from mta import open_socket


def free_port():
	"""A TCP port of 127.0.0.1 that nobody listens on now."""
	with socket.socket() as sock:
		sock.bind(("127.0.0.1", 0))
		return sock.getsockname()[1]


class Metered(Daemon):
	"""One that serves only when it says so of itself. `metrics`: where it is asked; "" for nowhere."""

	metrics = ""

	def wait_serving(self):
		super().wait_serving()
		if self.metrics:
			wait_until(lambda: answers(self), f"{self.metrics} to answer; the log:\n{self.log_text()}")


def metered(overrides=(), zone="", listen=None, **options):
	"""A daemon with metrics, on a unix socket in its directory unless `listen` says where."""
	daemon = Metered([], zone, **options)
	daemon.metrics = listen or "unix:" + daemon.path("metrics.sock")
	daemon.overrides = [f"metrics.listen={daemon.metrics}", *overrides]
	return daemon


def exchange(where, request, timeout=PATIENCE_S):
	"""Send octets, and read until the other side closes."""
	answer = b""
	with open_socket(where, timeout) as sock:
		with contextlib.suppress(ConnectionError):
			sock.sendall(request)
		with contextlib.suppress(ConnectionError):
			while more := sock.recv(65536):
				answer += more
	return answer


def ask(where, path, method="GET"):
	"""(status, header fields in lower case, text) of one request."""
	head, _empty, body = exchange(where, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).partition(
			b"\r\n\r\n")
	lines = head.decode("latin-1").split("\r\n")
	assert lines[0].startswith("HTTP/1.1 "), f"{method} {path}: {head!r}"
	fields = dict((line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in lines[1:])
	return int(lines[0].split()[1]), fields, body.decode()


def page(daemon):
	"""All metrics, strictly parsed."""
	status, fields, text = ask(daemon.metrics, "/metrics")
	assert status == 200 and fields["content-type"] == prometheus.CONTENT_TYPE, (status, fields)
	return prometheus.parse(text)


def number(daemon, name, **labels):
	"""One sample as it is now."""
	return prometheus.value(page(daemon), name, **labels)


def health(daemon):
	"""(status, words)."""
	status, _fields, text = ask(daemon.metrics, "/health")
	return status, text


def answers(daemon):
	"""Is it healthy, and does it say so?"""
	try:
		return health(daemon)[0] == 200
	except (ConnectionError, FileNotFoundError):
		return False


def wait_number(daemon, wanted, name, **labels):
	"""Wait until a sample has this value."""
	wait_until(lambda: number(daemon, name, **labels) == wanted, f"{name} {labels} to be {wanted}")


def server(daemon, other_than=None):
	"""The process that serves the metrics."""
	def find():
		return [pid for pid in daemon.children() if process_name(pid) == METRICS_PROCESS and pid != other_than]
	return wait_until(find, f"the process that serves metrics:\n{daemon.log_text()}")[-1]


def at_rest(daemon):
	"""The page as soon as no session and no message is open; every message in must be one that has ended."""
	wait_number(daemon, 0, "mailreeve_sessions_open")
	found = page(daemon)
	begun, ended = prometheus.total(found, "mailreeve_messages_total"), prometheus.total(found,
			"mailreeve_messages_ended_total")
	still = prometheus.total(found, "mailreeve_messages_open")
	assert (begun, still) == (ended, 0), f"{begun} messages in, {ended} ended, {still} open"
	return found


class Scraper:
	"""Asks for the page all the time, in a thread; notes what sinks that may not."""

	def __init__(self, daemon, pause_s=0.0):
		self.daemon, self.pause_s = daemon, pause_s
		self.pages, self.complaints = 0, []
		self.stopping = threading.Event()
		self.thread = threading.Thread(target=self._run)

	def __enter__(self):
		self.thread.start()
		return self

	def __exit__(self, *_args):
		self.stopping.set()
		self.thread.join(PATIENCE_S)

	def _run(self):
		before = None
		while not self.stopping.is_set():
			try:
				after = page(self.daemon)
				self.complaints += prometheus.monotone(before or after, after)
				before = after
				self.pages += 1
			except (OSError, AssertionError, prometheus.FormatError) as error:
				self.complaints.append(repr(error))
			time.sleep(self.pause_s)

	def check(self):
		"""Nothing sank, and every page was there."""
		assert self.pages and not self.complaints, f"{self.pages} pages; {self.complaints[:3]}"
