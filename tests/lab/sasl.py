# SPDX-License-Identifier: BSD-2-Clause
"""sasl - the few lines of Dovecot's authentication protocol that Postfix needs for AUTH PLAIN. Every user's password is
PASSWORD."""
import base64
import binascii
import os
import socketserver
import threading

PASSWORD = "secret"
GREETING = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n"
LINE_OCTETS_MAX = 8192


def plain(user, password=PASSWORD):
	"""The argument of AUTH PLAIN."""
	return base64.b64encode(f"\0{user}\0{password}".encode())


def answer(line):
	"""The server's line for a client's line, or b""."""
	words = line.rstrip(b"\n").split(b"\t")
	if words[0] != b"AUTH" or len(words) < 3:
		return b""
	resp = next((word[5:] for word in words if word.startswith(b"resp=")), b"")
	try:
		_authzid, user, password = base64.b64decode(resp).split(b"\0")
	except (binascii.Error, ValueError):
		return b"FAIL\t%s\treason=malformed\n" % words[1]
	if words[2] != b"PLAIN" or password != PASSWORD.encode():
		return b"FAIL\t%s\tuser=%s\n" % (words[1], user)
	return b"OK\t%s\tuser=%s\n" % (words[1], user)


class _Handler(socketserver.StreamRequestHandler):
	def handle(self):
		self.wfile.write(GREETING)
		while True:
			line = self.rfile.readline(LINE_OCTETS_MAX)
			if not line:
				return
			self.wfile.write(answer(line))


class _Server(socketserver.ThreadingUnixStreamServer):
	daemon_threads = True
	request_queue_size = 256  # a new smtpd that finds it full gives its client up

	def handle_error(self, request, client_address):
		"""A client that goes away is no error."""


class Sasl:
	"""Listens between start() and stop()."""

	def __init__(self, path):
		self.path = path
		self.server = None

	def start(self):
		self.server = _Server(self.path, _Handler)
		os.chmod(self.path, 0o666)
		threading.Thread(target=self.server.serve_forever, name="sasl", daemon=True).start()
		return self

	def stop(self):
		self.server.shutdown()
		self.server.server_close()
