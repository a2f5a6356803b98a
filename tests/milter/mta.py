# SPDX-License-Identifier: BSD-2-Clause
"""mta - one SMTP session as an MTA shows it to a filter: the other side of libmilter.

    with MtaSession("unix:/run/x/milter") as session:
        session.negotiate()
        session.connect("mx.example.net", "203.0.113.7", 25000)
        session.helo("mx.example.net")
        delivered = session.message("<a@example.net>", ["<b@example.org>"], headers, body)

A session belongs to one thread; run many in many threads. Macros are sent as Postfix sends them: only those the filter
asked for where it asked (its symbol list replaces the stage's), else the MTA's defaults. Headers and texts may be str
or octets.
"""
import os
import socket
import struct

import delivery
import smfi
from smfi import Closed, Negotiated, ProtocolError, Reply

SLOWNESS = int(os.environ.get("SLOWNESS") or 1)  # how many times slower the program under test is than by itself
DEFAULT_TIMEOUT_S = 30 * SLOWNESS

# What Postfix sends where the filter gives no list.
POSTFIX_SYMBOLS = {
	"connect": "j {daemon_name} {daemon_addr} v _".split(),
	"helo": "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}".split(),
	"mail": "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}".split(),
	"rcpt": "i {rcpt_addr} {rcpt_host} {rcpt_mailer}".split(),
	"data": ["i"], "header": ["i"], "eoh": ["i"], "body": ["i"], "eom": ["i"], "unknown": [],
}


def as_octets(text):
	"""str or bytes as octets."""
	return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)


def open_socket(where, timeout=DEFAULT_TIMEOUT_S):
	"""A connection to "unix:/path", "inet:port@address" or "inet6:port@address"."""
	family, _colon, rest = where.partition(":")
	if family in ("unix", "local"):
		sock, address = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), rest
	else:
		port, _at, host = rest.partition("@")
		sock = socket.socket(socket.AF_INET6 if family == "inet6" else socket.AF_INET, socket.SOCK_STREAM)
		address = (host.strip("[]"), int(port))
	try:
		sock.settimeout(None if family in ("unix", "local") else timeout)  # else a full backlog looks like a refusal
		sock.connect(address)
		sock.settimeout(timeout)
		if family.startswith("inet"):
			sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	except OSError:
		sock.close()
		raise
	return sock


class MtaSession:
	"""One connection to the filter."""

	def __init__(self, where, timeout=DEFAULT_TIMEOUT_S, macros=None, mta="postfix"):
		"""`macros` are values beside those the session knows itself; `mta` is "postfix" or "sendmail": how headers are
		numbered."""
		self.where, self.mta = where, mta
		self.sock = open_socket(where, timeout)
		self.buffer = b""
		self.negotiated: Negotiated = None
		self.offered_actions = self.offered_protocol = 0
		self.values = {"j": "mx.example.org", "{daemon_name}": "mx.example.org", "{daemon_addr}": "192.0.2.1",
				"{if_name}": "mx",
					   "v": "Postfix 3.7.11" if mta == "postfix" else "8.17.1.9", "{mail_mailer}": "esmtp",
					   "{rcpt_mailer}": "virtual"}
		self.values.update(macros or {})
		self.queue_serial = 0

	def __enter__(self):
		return self

	def __exit__(self, *_args):
		self.close()

	def close(self):
		"""Drop the connection, as a dying MTA does."""
		if self.sock is not None:
			self.sock.close()
			self.sock = None

	# ---- packets ----

	def send_raw(self, data):
		"""Octets as they are; for hostile tests."""
		try:
			self.sock.sendall(data)
		except (BrokenPipeError, ConnectionResetError) as error:
			raise Closed(str(error)) from error

	def send(self, command, data=b""):
		"""One packet."""
		self.send_raw(smfi.packet(command, data))

	def _read(self, count):
		while len(self.buffer) < count:
			try:
				more = self.sock.recv(65536)
			except ConnectionResetError as error:
				raise Closed("connection reset") from error
			if not more:
				raise Closed("the filter closed the connection")
			self.buffer += more
		data, self.buffer = self.buffer[:count], self.buffer[count:]
		return data

	def receive(self):
		"""(command, data) of the next packet. Raises Closed; socket.timeout when nothing comes."""
		size = struct.unpack("!I", self._read(4))[0]
		if not 1 <= size <= 16 * 1024 * 1024:
			raise ProtocolError(f"packet of {size} octets")
		data = self._read(size)
		return data[:1], data[1:]

	def reply(self):
		"""Everything up to the packet that ends a command."""
		modifications, progress = [], 0
		while True:
			command, data = self.receive()
			if command == smfi.PROGRESS:
				progress += 1
				continue
			change = smfi.parse_modification(command, data)
			if change is not None:
				modifications.append(change)
				continue
			found = smfi.parse_final(command, data)
			if found is None:
				raise ProtocolError(f"unexpected packet {command!r} {data[:80]!r}")
			found.modifications, found.progress = modifications, progress
			return found

	# ---- negotiation ----

	def negotiate(self, version=smfi.VERSION, actions=smfi.ALL_ACTIONS, protocol=smfi.ALL_PROTOCOL):
		"""Offer, and remember what the filter wants. Raises ProtocolError when it wants what was not offered."""
		self.offered_actions, self.offered_protocol = actions, protocol
		self.send(smfi.OPTNEG, struct.pack("!III", version, actions, protocol))
		command, data = self.receive()
		if command != smfi.OPTNEG:
			raise ProtocolError(f"negotiation answered with {command!r}")
		self.negotiated = smfi.parse_negotiation(data)
		wanted = self.negotiated
		# No actions or no protocol at all mean those of version 1.
		actions, protocol = actions or smfi.V1_ACTIONS, protocol or smfi.V1_PROTOCOL
		if wanted.version > version or wanted.actions & ~actions or wanted.protocol & ~protocol:
			raise ProtocolError(f"asks for what was not offered: {wanted}")
		if wanted.symbols and not actions & smfi.F_SETSYMLIST:
			raise ProtocolError("symbol lists although they were not offered")
		return wanted

	def wants(self, bit):
		"""Did the filter ask for this protocol bit?"""
		return bool(self.negotiated and self.negotiated.protocol & bit)

	# ---- stages ----

	def send_macros(self, stage, extra=None):
		"""The macros of a stage: what the filter asked for, of what is known."""
		names = self.negotiated.symbols.get(stage) if self.negotiated else None
		if not names:  # an empty list counts as none
			names = POSTFIX_SYMBOLS[stage]
		values = dict(self.values, **(extra or {}))
		data = smfi.STAGE_COMMAND[stage]
		for name in names:
			if values.get(name) is not None:
				data += as_octets(name) + b"\0" + as_octets(values[name]) + b"\0"
		self.send(smfi.MACRO, data)

	def _stage(self, stage, data, skip_bit, no_reply_bit, extra=None):
		if self.wants(skip_bit):
			return Reply("none")
		self.send_macros(stage, extra)
		self.send(smfi.STAGE_COMMAND[stage], data)
		return Reply("none") if self.wants(no_reply_bit) else self.reply()

	def connect(self, name="unknown", address="203.0.113.1", port=40000, macros=None):
		"""A client connects. address None: a local submission (127.0.0.1 port 0 as Postfix shows it); "unix:/path": a
		client on a socket; "": family unknown."""
		self.values.update({"{client_name}": name, "{client_addr}": address, "{client_port}": str(port),
							"{client_ptr}": name, "{client_resolve}": "OK" if name != "unknown" else "FAIL",
							"_": f"{name} [{address}]"})
		self.values.update(macros or {})
		if address is None:
			family, text, port = b"4", b"127.0.0.1", 0
		elif address == "":
			return self._stage("connect", as_octets(name) + b"\0U", smfi.P_NOCONNECT, smfi.P_NR_CONN)
		elif address.startswith("unix:"):
			family, text, port = b"L", as_octets(address[5:]), 0
		elif ":" in address:
			family, text = b"6", b"IPv6:" + as_octets(address)
			self.values["{client_addr}"] = "IPv6:" + address
		else:
			family, text = b"4", as_octets(address)
		data = as_octets(name) + b"\0" + family + struct.pack("!H", port) + text + b"\0"
		return self._stage("connect", data, smfi.P_NOCONNECT, smfi.P_NR_CONN)

	def helo(self, name, macros=None):
		"""HELO or EHLO."""
		self.values.update(macros or {})
		return self._stage("helo", as_octets(name) + b"\0", smfi.P_NOHELO, smfi.P_NR_HELO)

	def mail(self, address, *arguments, macros=None):
		"""MAIL FROM with its ESMTP arguments."""
		self.values.pop("i", None)
		data = b"".join(as_octets(part) + b"\0" for part in (address, *arguments))
		extra = dict({"{mail_addr}": address.strip("<>") if isinstance(address, str) else address}, **(macros or {}))
		return self._stage("mail", data, smfi.P_NOMAIL, smfi.P_NR_MAIL, extra)

	def rcpt(self, address, *arguments, macros=None):
		"""RCPT TO with its ESMTP arguments. Postfix has the queue id after the first accepted recipient."""
		data = b"".join(as_octets(part) + b"\0" for part in (address, *arguments))
		extra = dict({"{rcpt_addr}": address.strip("<>") if isinstance(address, str) else address}, **(macros or {}))
		reply = self._stage("rcpt", data, smfi.P_NORCPT, smfi.P_NR_RCPT, extra)
		if not reply.refused and "i" not in self.values:
			self.new_queue_id()
		return reply

	def new_queue_id(self):
		"""Give the message its queue id."""
		self.queue_serial += 1
		self.values["i"] = f"{id(self) & 0xFFFFFF:06X}{self.queue_serial:03X}"
		return self.values["i"]

	def data(self):
		"""DATA."""
		return self._stage("data", b"", smfi.P_NODATA, smfi.P_NR_DATA)

	def header(self, name, value):
		"""One field; `value` as after the colon. With HDR_LEADSPC it goes as it is, else without its first space."""
		value = as_octets(value)
		if not self.wants(smfi.P_HDR_LEADSPC) and value[:1] == b" ":
			value = value[1:]
		return self._stage("header", as_octets(name) + b"\0" + value + b"\0", smfi.P_NOHDRS, smfi.P_NR_HDR)

	def eoh(self):
		"""End of headers."""
		return self._stage("eoh", b"", smfi.P_NOEOH, smfi.P_NR_EOH)

	def body(self, chunk):
		"""One chunk of the body, at most 65,535 octets."""
		return self._stage("body", as_octets(chunk), smfi.P_NOBODY, smfi.P_NR_BODY)

	def eom(self):
		"""End of message: the reply carries the filter's changes."""
		self.send_macros("eom")
		self.send(smfi.BODYEOB)
		return self.reply()

	def unknown(self, command):
		"""A command that the MTA does not know."""
		return self._stage("unknown", as_octets(command) + b"\0", smfi.P_NOUNKNOWN, smfi.P_NR_UNKN)

	def abort(self):
		"""The message ends without a verdict (RSET, HELO); nothing is answered."""
		self.send(smfi.ABORT)
		self.values.pop("i", None)

	def quit(self):
		"""The session ends; nothing is answered, the connection is closed."""
		try:
			self.send(smfi.QUIT)
		except Closed:
			pass
		self.close()

	def quit_nc(self):
		"""The session ends and another one follows on the same connection. libmilter takes it only behind an end of
		message."""
		self.send(smfi.QUIT_NC)

	# ---- whole messages ----

	def start(self, name="mx.example.net", address="203.0.113.1", helo="mx.example.net", port=40000):
		"""Negotiate, connect and HELO; the last reply."""
		self.negotiate()
		self.connect(name, address, port)
		return self.helo(helo)

	def content(self, headers, body):
		"""DATA to end of message; returns a delivery.Delivered. Stops at the first refusal, as MTAs do."""
		steps = [self.data] + [lambda field=field: self.header(*field) for field in headers] + [self.eoh]
		octets = as_octets(body)
		skipped = False
		for step in steps:
			reply = step()
			if reply.kind not in ("continue", "none"):
				return delivery.Delivered(reply, headers, octets)
		for start in range(0, len(octets), smfi.CHUNK_OCTETS):
			if skipped:
				break
			reply = self.body(octets[start:start + smfi.CHUNK_OCTETS])
			skipped = reply.kind == "skip"
			if reply.kind not in ("continue", "none", "skip"):
				return delivery.Delivered(reply, headers, octets)
		reply = self.eom()
		return delivery.apply(reply, headers, octets, renumbers=self.mta == "postfix",
				leadspc=self.wants(smfi.P_HDR_LEADSPC))

	def message(self, sender="<alice@example.net>", recipients=("<bob@example.org>",), headers=(), body="Hello.\r\n"):
		"""MAIL to end of message. Returns delivery.Delivered with `recipients` (address, Reply); a refused MAIL, or no
		recipient left, aborts as an MTA does."""
		reply = self.mail(sender)
		if reply.refused:
			self.abort()
			return delivery.Delivered(reply, list(headers), as_octets(body))
		answers = [(address, self.rcpt(address)) for address in recipients]
		if all(answer.refused for _address, answer in answers):
			self.abort()
			return delivery.Delivered(answers[-1][1], list(headers), as_octets(body), recipients=answers)
		headers = list(headers) or [("From", " Alice <alice@example.net>"), ("Subject", " test"),
									("Message-ID", " <1@example.net>")]
		delivered = self.content(headers, body)
		delivered.recipients = answers
		return delivered
