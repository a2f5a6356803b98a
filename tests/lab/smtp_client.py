# SPDX-License-Identifier: BSD-2-Clause
"""smtp_client - an SMTP client that says exactly what it is told, octet for octet, from an address of its own."""
import ipaddress
import socket

LINES_MAX = 1000
PATIENCE_S = 90


class Gone(ConnectionError):
	"""The server closed the connection."""


class Reply:
	"""The server's answer: code and the text of each line."""

	def __init__(self, code, lines):
		self.code, self.lines = code, lines

	def __str__(self):
		return f"{self.code} " + "\n".join(self.lines)

	@property
	def good(self):
		"""Positive, complete or intermediate."""
		return self.code[0] in "23"


class SmtpClient:
	"""One connection from `source` to the server. Use as a context; leaving it drops the connection."""

	def __init__(self, source, server, port=25, source_port=0):
		family = socket.AF_INET if ipaddress.ip_address(source).version == 4 else socket.AF_INET6
		self.socket = socket.socket(family, socket.SOCK_STREAM)
		self.socket.settimeout(PATIENCE_S)
		self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self.socket.bind((source, source_port))
		self.socket.connect((server, port))
		self.file = self.socket.makefile("rb")

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.close()

	def close(self):
		"""Drop the connection."""
		self.file.close()
		self.socket.close()

	def reply(self):
		"""Read one answer, of however many lines."""
		texts = []
		for _ in range(LINES_MAX):
			line = self.file.readline(65536)
			if not line.endswith(b"\n"):
				raise Gone(f"the server closed the connection; it said {texts or 'nothing'}")
			text = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
			texts.append(text[4:])
			if text[3:4] != "-":
				return Reply(text[:3], texts)
		raise Gone("an answer without end")

	def send(self, octets):
		"""Raw octets."""
		self.socket.sendall(octets)

	def command(self, line):
		"""A line (octets or text, without its end) and the answer to it."""
		self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
		return self.reply()

	def message(self, raw):
		"""The content behind DATA (CRLF line ends, dots not doubled yet) with the final dot, and the answer."""
		stuffed = raw.replace(b"\r\n.", b"\r\n..")
		if stuffed.startswith(b"."):
			stuffed = b"." + stuffed
		self.send(stuffed + (b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n") + b".\r\n")
		return self.reply()
