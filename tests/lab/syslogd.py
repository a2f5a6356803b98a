# SPDX-License-Identifier: BSD-2-Clause
"""syslogd - a private /dev/log. Lines of the facility mail go to the file that Postfix writes too, others to another."""
import os
import re
import socket
import threading
import time

MAIL_LOG = "/var/log/mail.log"
OTHER_LOG = "/var/log/syslog"
LOG_MAIL = 2
DATAGRAM_OCTETS_MAX = 65536
_HEAD = re.compile(rb"<(?P<priority>\d{1,3})>(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?")


class Syslogd:
	"""Listens between start() and stop(), in a thread of its own."""

	def __init__(self, hostname, path="/dev/log"):
		self.hostname = hostname.split(".")[0].encode()
		self.path = path
		self._socket = None
		self._marks = 0

	def start(self):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
		self._socket.bind(self.path)
		os.chmod(self.path, 0o666)
		for path in (MAIL_LOG, OTHER_LOG):
			open(path, "ab").close()
		threading.Thread(target=self._serve, name="syslogd", daemon=True).start()
		return self

	def stop(self):
		self._socket.close()
		os.unlink(self.path)

	def _serve(self):
		while True:
			try:
				datagram = self._socket.recv(DATAGRAM_OCTETS_MAX)
			except OSError:
				return
			if datagram:
				self._write(datagram)

	def _write(self, datagram):
		head = _HEAD.match(datagram)
		priority = int(head["priority"]) if head else 13
		stamp = head and head["stamp"] or time.strftime("%b %e %H:%M:%S ").encode()
		text = datagram[head.end() if head else 0:].rstrip(b"\0\n")
		# What a daemon says is written as it comes: the tests look for octets that should not have been there.
		line = stamp + self.hostname + b" " + text + b"\n"
		with open(MAIL_LOG if priority >> 3 == LOG_MAIL else OTHER_LOG, "ab", buffering=0) as file:
			file.write(line)

	def sync(self, patience_s=20):
		"""Wait until everything that was sent to /dev/log before now is in the files."""
		self._marks += 1
		mark = b"lab: mark %d" % self._marks
		with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
			sender.connect(self.path)
			sender.send(b"<46>" + mark)
		end = time.monotonic() + patience_s
		while not _contains(OTHER_LOG, mark + b"\n"):
			if time.monotonic() > end:
				raise RuntimeError("the laboratory's syslogd does not write")
			time.sleep(0.002)


def _contains(path, octets):
	with open(path, "rb") as file:
		return octets in file.read()


class LogReader:
	"""What was added to a log file since the reader was made or asked last."""

	def __init__(self, path=MAIL_LOG):
		self.path = path
		self.position = os.path.getsize(path) if os.path.exists(path) else 0

	def lines(self):
		"""New complete lines as text; hostile octets show as \\xHH."""
		with open(self.path, "rb") as file:
			file.seek(self.position)
			octets = file.read()
		end = octets.rfind(b"\n") + 1
		self.position += end
		return octets[:end].decode("utf-8", "backslashreplace").split("\n")[:-1]
