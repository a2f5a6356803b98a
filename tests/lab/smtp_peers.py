#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""smtp_peers - mail servers of every kind for the reverse greeting, and what is none, each on port 25 of an address of
its own in the laboratory.

    smtp_peers.py zone      the zone file with their names (NAME.peers.example)
    smtp_peers.py check     a network of our own, all of them up, and a look at each with a plain client (needs root)

A test imports it: `with SmtpPeers() as peers`, inside namespace.enter(). mailreeve needs NETWORK in
greeting.test_networks; the names of INWARD lead to places where it must not go whatever is configured but that.
"""
import collections
import contextlib
import ipaddress
import socket
import struct
import subprocess
import sys
import threading
import time

import namespace

PORT = 25
NETWORK = ipaddress.ip_network("192.0.2.128/25")
DOMAIN = "peers.example"
LINE_OCTETS_MAX = 1024
LINES_KEPT = 64
FILLERS = 8
SLOW_S = 2.0
TRICKLE_S = 1.0
PATIENCE_S = 120

# kind: how it behaves; the names of the methods of _Conversation, and "refused", "blackhole", "unreachable".
Peer = collections.namedtuple("Peer", "name host kind banner ehlo", defaults=("talks", "", ""))


def own_name(name):
	return f"{name}.{DOMAIN}"


def _good(name, host, kind="talks", said=None):
	said = said or own_name(name)
	return Peer(name, host, kind, f"220 {said} ESMTP\r\n", f"250-{said} greets you\r\n250 SIZE 10240000\r\n")


# The twelve of the laboratory (the last one is a name that does not exist), and more.
PEERS = (
	_good("good", 129),
	Peer("lines", 130, "talks", f"220-{own_name('lines')} ESMTP\r\n220-We do not authorize\r\n220 bulk mail.\r\n",
	     f"250 {own_name('lines')}\r\n"),
	Peer("refusing", 131, "talks", f"554 {own_name('refusing')} no service for you\r\n"),
	_good("slow", 132, "slow"),
	Peer("silent", 133, "silent"),
	Peer("reset", 134, "resets"),
	Peer("refused", 135, "refused"),
	Peer("blackhole", 136, "blackhole"),
	Peer("ssh", 137, "talks", "SSH-2.0-OpenSSH_9.2\r\n"),
	Peer("closes", 138, "closes"),
	Peer("unreachable", 139, "unreachable"),

	_good("mismatch", 140, said="mail.example.net"),
	_good("host7", 141, said=own_name("relay")),
	Peer("two-names", 142, "talks", "220 gate.example.net ESMTP\r\n", f"250 {own_name('two-names')}\r\n"),
	Peer("nameless", 143, "talks", "220 ***************\r\n", "250 ok\r\n"),
	Peer("junk", 144, "talks", "\x16\x03\x01\x00\xff\x1b[2J\r\n"),
	Peer("hostile", 145, "talks", "220 \x1b[2J\"evil\";(x).example.net \x00\xff\r\n", "250 \x07\r\n"),
	_good("trickle", 146, "trickles"),
	Peer("endless", 147, "endless", f"220-{own_name('endless')} and so on\r\n"),
	Peer("endless-line", 148, "endless", "220 and so on and so on "),
	_good("busy", 149),
	_good("incomplete", 150, "half"),
)
TWENTY = "twenty"
TWENTY_HOSTS = range(160, 180)
NXDOMAIN = own_name("nowhere")
INWARD = own_name("inward")
INWARD_ADDRESSES = ("127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")


def address_of(host):
	return str(NETWORK.network_address + (host - (int(NETWORK.network_address) & 0xff)))


def all_peers():
	"""With the twenty servers of one name: each greets with a name of another organisation."""
	return PEERS + tuple(_good(f"{TWENTY}-{host}", host, said=f"h{host}.example.net") for host in TWENTY_HOSTS)


def zone():
	"""The zone file's text: every name, forward and back."""
	lines = []
	for peer in PEERS:
		address = address_of(peer.host)
		lines.append(f"{own_name(peer.name)} A {address}")
		lines.append(f"{ipaddress.ip_address(address).reverse_pointer} PTR {own_name(peer.name)}")
	lines += [f"{own_name(TWENTY)} A {address_of(host)}" for host in TWENTY_HOSTS]
	for address in INWARD_ADDRESSES:
		lines.append(f"{INWARD} {'AAAA' if ':' in address else 'A'} {address}")
	return "\n".join(lines) + "\n"


class _Conversation(threading.Thread):
	def __init__(self, server, connection):
		super().__init__(name=f"peer {server.peer.name}", daemon=True)
		self.server, self.peer, self.connection = server, server.peer, connection

	def run(self):
		with self.connection, contextlib.suppress(OSError):
			self.connection.settimeout(PATIENCE_S)
			getattr(self, self.peer.kind)()

	def say(self, text):
		self.connection.sendall(text.encode("latin-1"))

	def talks(self):
		self.say(self.peer.banner)
		with self.connection.makefile("rb") as lines:
			while True:
				line = lines.readline(LINE_OCTETS_MAX)
				if not line:
					return
				self.server.heard(line)
				if line.upper().startswith(b"EHLO") and self.peer.ehlo:
					self.say(self.peer.ehlo)
				elif line.upper().startswith(b"QUIT"):
					self.say("221 Bye\r\n")
					return

	def slow(self):
		time.sleep(SLOW_S)
		self.talks()

	def silent(self):
		while self.connection.recv(LINE_OCTETS_MAX):
			pass

	def half(self):
		self.say(self.peer.banner[:len(self.peer.banner) // 2])
		self.silent()

	def closes(self):
		pass

	def resets(self):
		self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

	def trickles(self):
		end = time.monotonic() + PATIENCE_S
		while time.monotonic() < end:
			for octet in self.peer.banner:
				self.say(octet)
				time.sleep(TRICKLE_S)

	def endless(self):
		end = time.monotonic() + PATIENCE_S
		while time.monotonic() < end:
			self.say(self.peer.banner)


class _Server:
	"""One address: a listening socket, who came, and what they said."""

	def __init__(self, peer, address):
		self.peer, self.address = peer, address
		self.connections = 0
		self.said = []
		self._lock = threading.Lock()
		self._fillers = []
		family = socket.AF_INET6 if ":" in address else socket.AF_INET
		self._socket = socket.socket(family, socket.SOCK_STREAM)
		self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self._socket.bind((address, PORT))
		if peer.kind == "blackhole":
			self._fill(family)
			return
		self._socket.listen(64)
		threading.Thread(target=self._serve, name=f"peer {peer.name}", daemon=True).start()

	def _fill(self, family):
		"""Connections that nobody takes: when there is room for no more, the kernel drops every SYN."""
		self._socket.listen(0)
		for _ in range(FILLERS):
			filler = socket.socket(family, socket.SOCK_STREAM)
			filler.setblocking(False)
			filler.connect_ex((self.address, PORT))
			self._fillers.append(filler)

	def _serve(self):
		while True:
			try:
				connection, _ = self._socket.accept()
			except OSError:
				return
			with self._lock:
				self.connections += 1
			_Conversation(self, connection).start()

	def heard(self, line):
		with self._lock:
			if len(self.said) < LINES_KEPT:
				self.said.append(line)

	def stop(self):
		with contextlib.suppress(OSError):
			self._socket.shutdown(socket.SHUT_RDWR)
		for one in [self._socket] + self._fillers:
			one.close()


class SmtpPeers:
	"""All peers are up between start() and stop(), and listeners on the addresses of INWARD that must stay alone."""

	def __init__(self):
		self._servers = {}
		self._routes = []

	def start(self):
		for peer in all_peers():
			address = address_of(peer.host)
			if peer.kind == "unreachable":
				self._unreachable(address)
			elif peer.kind != "refused":
				self._servers[address] = _Server(peer, address)
		for address in INWARD_ADDRESSES:
			real = ipaddress.ip_address(address)
			real = str(getattr(real, "ipv4_mapped", None) or real)
			if real not in self._servers and (":" not in real or namespace.has_ipv6()):
				self._servers[real] = _Server(_good("inward", 0), real)
		return self

	def _unreachable(self, address):
		"""A longer prefix in the table that makes every address ours: the router says "host unreachable"."""
		route = ["unreachable", address + "/32", "table", "local"]
		subprocess.run(["ip", "route", "add"] + route, check=True)
		self._routes.append(route)

	def stop(self):
		for server in self._servers.values():
			server.stop()
		for route in self._routes:
			subprocess.run(["ip", "route", "del"] + route, check=False)
		self._servers, self._routes = {}, []

	def __enter__(self):
		return self.start()

	def __exit__(self, *_):
		self.stop()

	def connections(self, *addresses):
		"""How many came to these addresses (all: none given)."""
		return sum(server.connections for address, server in self._servers.items() if not addresses or address in addresses)

	def peer_connections(self, name):
		"""How many came to a peer, by its name; to the twenty together by theirs."""
		hosts = TWENTY_HOSTS if name == TWENTY else [peer.host for peer in PEERS if peer.name == name]
		return self.connections(*map(address_of, hosts))

	def inward_connections(self):
		"""How many came where nobody must be led to."""
		return sum(server.connections for server in self._servers.values() if server.peer.name == "inward")

	def said(self, name):
		"""The lines that a peer was told."""
		return [line for server in self._servers.values() if server.peer.name == name for line in server.said]


# ---- check: what a plain client sees of each

EXPECTED = {
	"good": b"220 good.", "lines": b"220-lines.", "refusing": b"554 ", "slow": b"220 slow.", "silent": "timeout",
	"reset": "closed", "refused": "refused", "blackhole": "timeout", "ssh": b"SSH-2.0", "closes": "closed",
	"unreachable": "unreachable", "mismatch": b"220 mail.example.net", "host7": b"220 relay.", "two-names": b"220 gate.",
	"nameless": b"220 ***", "junk": b"\x16\x03", "hostile": b"220 \x1b", "trickle": b"2", "endless": b"220-endless.",
	"endless-line": b"220 and so on", "busy": b"220 busy.", "incomplete": b"220 incomp",
}


def look(address, patience_s):
	"""The first octets that an address says, or in a word why there are none."""
	try:
		with socket.create_connection((address, PORT), timeout=patience_s) as client:
			return client.recv(64) or "closed"
	except socket.timeout:
		return "timeout"
	except ConnectionRefusedError:
		return "refused"
	except ConnectionResetError:
		return "closed"
	except OSError:
		return "unreachable"


def check():
	namespace.enter()
	failed = 0
	with SmtpPeers() as peers:
		for peer in PEERS:
			wanted = EXPECTED[peer.name]
			got = look(address_of(peer.host), 2 * SLOW_S if peer.kind == "slow" else SLOW_S / 2)
			fine = got == wanted if isinstance(wanted, str) else isinstance(got, bytes) and got.startswith(wanted)
			print(f"{'ok' if fine else 'not ok'} - {peer.name}: {got!r}")
			failed += not fine
		counted = peers.peer_connections("good") == 1 and peers.inward_connections() == 0
		look("127.0.0.1", SLOW_S)
		counted = counted and peers.inward_connections() == 1
		print(f"{'ok' if counted else 'not ok'} - who came is counted")
	return 1 if failed or not counted else 0


def main():
	if sys.argv[1:] == ["zone"]:
		print(zone(), end="")
		return 0
	if sys.argv[1:] == ["check"]:
		return check()
	print(__doc__.split("\n\n")[1], file=sys.stderr)
	return 2


if __name__ == "__main__":
	sys.exit(main())
