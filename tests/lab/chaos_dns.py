#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""An authoritative DNS server (UDP and TCP) that misbehaves on request.

    chaos_dns.py --zone FILE --listen ADDRESS[@PORT]... --counts FILE

It serves a zone file of the project (zonefile.py). The fault comes from the file or from a label of the name asked:
servfail, refused, formerr, timeout, slow-MS, truncated, cnameloop, garbage, wrongid, nxdomain, lame (not its zone: the
root is asked for), referral (others are to be asked, as by a server that does not recurse), bigtxt. The counts of what
was asked are written as JSON on SIGUSR1 and at the end; SIGHUP reads the zone again; SIGUSR2 makes it dumb, and the
next one makes it talk again.
"""

import argparse
import collections
import heapq
import ipaddress
import itertools
import json
import os
import random
import re
import selectors
import signal
import socket
import struct
import sys
import threading
import time

import zonefile

UDP_OCTETS_MAX = 4096
UDP_OCTETS_OURS = 1232
CNAMES_MAX = 12
TCP_CONNECTIONS_MAX = 512
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
RCODE_FAULTS = {"servfail": SERVFAIL, "refused": REFUSED, "formerr": FORMERR, "bogus": SERVFAIL}
LABEL_FAULTS = {b"truncated": "truncate"}
LABEL_FAULTS.update((name.encode(), name) for name in zonefile.FAULTS if name not in ("slow", "truncate", "bogus"))
LABEL_SLOW = re.compile(rb"slow-(\d{1,6})$")
LOOP_LABEL = b"x-loop"
SOA_TAIL = struct.pack(">5I", 1, 3600, 600, 86400, 60)

Query = collections.namedtuple("Query", "ident flags labels type question edns_octets")


def parse_query(packet):
	"""The question of a packet, or None for what deserves no answer."""
	if len(packet) < 12:
		return None
	ident, flags, questions, _, _, extra = struct.unpack(">6H", packet[:12])
	if flags & 0x8000 or questions != 1:
		return None
	name, i = [], 12
	while i < len(packet) and 0 < packet[i] < 64:
		name.append(packet[i + 1:i + 1 + packet[i]].lower())
		i += 1 + packet[i]
	if i + 5 > len(packet) or packet[i] != 0:
		return None
	kind, _ = struct.unpack(">HH", packet[i + 1:i + 5])
	i += 5
	edns = None
	if extra and packet[i:i + 3] == b"\0\0\x29" and len(packet) >= i + 11:
		edns = max(512, struct.unpack(">H", packet[i + 3:i + 5])[0])
	return Query(ident, flags, tuple(name), kind, packet[12:i], edns)


def wire(labels):
	return b"".join(bytes([len(one)]) + one for one in labels) + b"\0"


def rr(labels, kind, ttl_s, rdata):
	return wire(labels) + struct.pack(">HHIH", kind, 1, ttl_s, len(rdata)) + rdata


def big_txt(octets):
	out = b""
	while octets > 0:
		take = min(octets, 250)
		out += bytes([take]) + (b"0123456789" * 25)[:take]
		octets -= take
	return out


class Data:
	"""A zone made ready for questions. Never changed once it is built."""

	def __init__(self, zone):
		self.records = collections.defaultdict(list)
		self.names = set()
		self.zones = set()
		self.faults = {}
		for record in zone.records:
			name = zonefile.labels(record.name)
			kind = zonefile.type_number(record.type)
			self.records[name, kind].append((record.ttl, zonefile.rdata_wire(record.type, record.rdata)))
			self.names.update(name[i:] for i in range(len(name)))
			if record.type == "SOA":
				self.zones.add(name)
		for fault in zone.faults:
			name = zonefile.labels(fault.name)
			kind = None if fault.type == "*" else zonefile.type_number(fault.type)
			self.faults[name, kind] = (fault.fault, int(fault.arg or 0))
			self.names.update(name[i:] for i in range(len(name)))

	def fault_of(self, name, kind):
		if name[:1] == (LOOP_LABEL,):
			name = name[1:]
		owner = self.source(name)
		for asked in (kind, None):
			if (owner, asked) in self.faults:
				return self.faults[owner, asked]
		for label in name:
			slow = LABEL_SLOW.match(label)
			if slow:
				return "slow", int(slow.group(1))
			if label in LABEL_FAULTS:
				return LABEL_FAULTS[label], 0
		return None, 0

	def source(self, name):
		"""The owner whose records answer for a name: itself, or the wildcard above it (RFC 4592), or None."""
		if name in self.names:
			return name
		for i in range(1, len(name) + 1):
			if (b"*",) + name[i:] in self.names:
				return (b"*",) + name[i:]
			if name[i:] in self.names:
				return None
		return None

	def soa(self, name):
		for i in range(len(name) + 1):
			if name[i:] in self.zones:
				ttl_s, rdata = self.records[name[i:], 6][0]
				return rr(name[i:], 6, min(ttl_s, struct.unpack(">I", rdata[-4:])[0]), rdata)
		top = name[-2:]
		return rr(top, 6, 60, wire((b"ns",) + top) + wire((b"hostmaster",) + top) + SOA_TAIL)

	def answer(self, name, kind):
		"""rcode, answer records, authority records."""
		out = []
		for _ in range(CNAMES_MAX):
			owner = self.source(name)
			if owner is None:
				return NXDOMAIN, out, [self.soa(name)]
			found = self.records.get((owner, kind), [])
			if found:
				return NOERROR, out + [rr(name, kind, ttl_s, rdata) for ttl_s, rdata in found], []
			alias = self.records.get((owner, 5), [])
			if not alias:
				return NOERROR, out, [self.soa(name)]
			ttl_s, rdata = alias[0]
			out.append(rr(name, 5, ttl_s, rdata))
			name = zonefile.labels(self._name(rdata))
		return NOERROR, out, []

	@staticmethod
	def _name(rdata):
		name, i = [], 0
		while rdata[i]:
			name.append(rdata[i + 1:i + 1 + rdata[i]])
			i += 1 + rdata[i]
		return zonefile.text_of(name)


def pack(query, rcode, answers=(), authority=(), truncated=False, ident=None):
	flags = 0x8400 | (query.flags & 0x0100) | ((query.flags & 0x0100) >> 1) | rcode | (0x0200 if truncated else 0)
	head = struct.pack(">6H", query.ident if ident is None else ident, flags, 1, len(answers), len(authority),
	                   0 if query.edns_octets is None else 1)
	opt = b"" if query.edns_octets is None else b"\0" + struct.pack(">HHIH", 41, UDP_OCTETS_OURS, 0, 0)
	return head + query.question + b"".join(answers) + b"".join(authority) + opt


def lame(query):
	"""A server that does not know the zone sends the asker upwards."""
	out = bytearray(pack(query, NOERROR, authority=[rr((), 2, 300, wire((b"a", b"root-servers", b"example")))]))
	out[2] &= 0xFB  # no authority
	return bytes(out)


def referral(query):
	"""A server that was asked to recurse, and does not: it names the servers of the name's zone."""
	out = bytearray(pack(query, NOERROR, authority=[rr(query.labels, 2, 300, wire((b"ns", b"elsewhere", b"example")))]))
	out[2] &= 0xFB  # no authority
	out[3] &= 0x7F  # nor recursion
	return bytes(out)


def reply(data, query, tcp):
	"""(octets or None, delay in ms)."""
	fault, arg = data.fault_of(query.labels, query.type)
	delay_ms = arg if fault == "slow" else 0
	if fault == "timeout":
		return None, 0
	if fault in RCODE_FAULTS:
		return pack(query, RCODE_FAULTS[fault]), 0
	if fault == "garbage":
		return struct.pack(">H", query.ident) + random.randbytes(random.randrange(1, 200)), 0
	if fault == "nxdomain":
		return pack(query, NXDOMAIN, authority=[data.soa(query.labels)]), 0
	if fault == "lame":
		return lame(query), 0
	if fault == "referral":
		return referral(query), 0
	if fault == "truncate" and not tcp:
		return pack(query, NOERROR, truncated=True), 0
	if fault == "cnameloop":
		other = query.labels[1:] if query.labels[:1] == (LOOP_LABEL,) else (LOOP_LABEL,) + query.labels
		return pack(query, NOERROR, [rr(query.labels, 5, 60, wire(other))]), 0
	rcode, answers, authority = data.answer(query.labels, query.type)
	if fault == "bigtxt" and not answers and query.type == 16:
		rcode, answers, authority = NOERROR, [rr(query.labels, 16, 60, big_txt(arg or 3000))], []
	ident = query.ident ^ 0xFFFF if fault == "wrongid" else None
	out = pack(query, rcode, answers, authority, ident=ident)
	if not tcp and len(out) > min(query.edns_octets or 512, UDP_OCTETS_MAX):
		out = pack(query, NOERROR, truncated=True, ident=ident)
	return out, delay_ms


class Counts:
	def __init__(self):
		self.lock = threading.Lock()
		self.queries = collections.Counter()
		self.sources = collections.Counter()
		self.listeners = collections.Counter()
		self.tcp = 0
		self.malformed = 0

	def add(self, query, source, listener, tcp):
		with self.lock:
			if query is None:
				self.malformed += 1
				return
			self.queries[zonefile.text_of(query.labels), zonefile.type_name(query.type)] += 1
			self.sources[source] += 1
			self.listeners[listener] += 1
			self.tcp += 1 if tcp else 0

	def as_dict(self):
		with self.lock:
			return {
				"total": sum(self.queries.values()), "tcp": self.tcp, "malformed": self.malformed,
				"queries": {"%s %s" % key: n for key, n in sorted(self.queries.items())},
				"sources": dict(self.sources), "listeners": dict(self.listeners),
			}

	def write(self, path):
		with open(path + ".new", "w", encoding="ascii") as file:
			json.dump(self.as_dict(), file, indent=1)
			file.write("\n")
		os.replace(path + ".new", path)


class ChaosServer:
	"""Serves `zone` on `addresses` ("192.0.2.1", "192.0.2.1@5353") in a thread of its own between start() and stop().

	`mute` = True: everything is read and counted, nothing is answered (an outage).
	"""

	def __init__(self, zone, addresses):
		self.data = Data(zone)
		self.counts = Counts()
		self.mute = False
		self._selector = selectors.DefaultSelector()
		self._delayed = []
		self._sequence = itertools.count()
		self._connections = {}
		self._thread = None
		self._stopping = False
		self._wake_r, self._wake_w = os.pipe()
		self._selector.register(self._wake_r, selectors.EVENT_READ, None)
		for address in addresses:
			self._listen(address)

	def set_zone(self, zone):
		self.data = Data(zone)

	def _listen(self, text):
		host, _, port = text.partition("@")
		family = socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
		where = (host, int(port or 53))
		udp = socket.socket(family, socket.SOCK_DGRAM)
		udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
		udp.bind(where)
		tcp = socket.socket(family, socket.SOCK_STREAM)
		tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		tcp.bind(where)
		tcp.listen(256)
		for sock, handler in ((udp, self._udp), (tcp, self._accept)):
			sock.setblocking(False)
			self._selector.register(sock, selectors.EVENT_READ, (handler, text))

	def start(self):
		self._thread = threading.Thread(target=self.run, name="chaos", daemon=True)
		self._thread.start()
		return self

	def stop(self):
		self._stopping = True
		os.write(self._wake_w, b"x")
		if self._thread is not None:
			self._thread.join(10)
		for key in list(self._selector.get_map().values()):
			if key.data is not None:
				key.fileobj.close()
		self._selector.close()

	def wake(self):
		os.write(self._wake_w, b"x")

	def run(self, on_wake=None):
		while not self._stopping:
			timeout = max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None
			for key, _ in self._selector.select(timeout):
				if key.data is None:
					os.read(self._wake_r, 4096)
					if on_wake is not None:
						on_wake()
				else:
					key.data[0](key.fileobj, key.data[1])
			self._send_due()

	def _send_due(self):
		now = time.monotonic()
		while self._delayed and self._delayed[0][0] <= now:
			send = heapq.heappop(self._delayed)[2]
			send()

	def _respond(self, packet, source, listener, tcp, send):
		query = parse_query(packet)
		self.counts.add(query, source, listener, tcp)
		if query is None or self.mute:
			return
		out, delay_ms = reply(self.data, query, tcp)
		if out is None:
			return
		if delay_ms == 0:
			send(out)
		else:
			heapq.heappush(self._delayed, (time.monotonic() + delay_ms / 1000, next(self._sequence), lambda: send(out)))

	def _udp(self, sock, listener):
		for _ in range(256):
			try:
				packet, peer = sock.recvfrom(UDP_OCTETS_MAX)
			except OSError:
				return

			def send(out, peer=peer):
				try:
					sock.sendto(out, peer)
				except OSError:
					pass

			self._respond(packet, peer[0], listener, False, send)

	def _accept(self, sock, listener):
		try:
			connection, peer = sock.accept()
		except OSError:
			return
		if len(self._connections) >= TCP_CONNECTIONS_MAX:
			connection.close()
			return
		connection.setblocking(False)
		self._connections[connection] = (bytearray(), peer[0])
		self._selector.register(connection, selectors.EVENT_READ, (self._tcp, listener))

	def _drop(self, connection):
		if self._connections.pop(connection, None) is not None:
			self._selector.unregister(connection)
			connection.close()

	def _tcp(self, connection, listener):
		got, source = self._connections[connection]
		try:
			octets = connection.recv(65536)
		except BlockingIOError:
			return
		except OSError:
			octets = b""
		if not octets:
			self._drop(connection)
			return
		got += octets

		def send(out):
			if connection in self._connections:
				try:
					connection.sendall(struct.pack(">H", len(out)) + out)
				except OSError:
					self._drop(connection)

		while len(got) >= 2 and len(got) >= 2 + int.from_bytes(got[:2], "big"):
			octets = 2 + int.from_bytes(got[:2], "big")
			packet = bytes(got[2:octets])
			del got[:octets]
			self._respond(packet, source, listener, True, send)


def main():
	parser = argparse.ArgumentParser(description="An authoritative DNS server that misbehaves on request.")
	parser.add_argument("--zone", required=True, metavar="FILE")
	parser.add_argument("--listen", required=True, nargs="+", action="extend", metavar="ADDRESS[@PORT]")
	parser.add_argument("--counts", metavar="FILE")
	options = parser.parse_args()
	try:
		server = ChaosServer(zonefile.read(options.zone), options.listen)
	except (OSError, zonefile.ZoneError) as error:
		sys.exit("chaos_dns: %s" % error)
	pending = set()

	def note(number, _frame):
		pending.add(number)
		server.wake()

	def handle():
		for number in list(pending):
			pending.discard(number)
			if number == signal.SIGHUP:
				try:
					server.set_zone(zonefile.read(options.zone))
				except (OSError, zonefile.ZoneError) as error:
					print("chaos_dns: %s; the old zone stays" % error, file=sys.stderr)
			elif number == signal.SIGUSR2:
				server.mute = not server.mute
			elif number == signal.SIGUSR1:
				if options.counts:
					server.counts.write(options.counts)
			else:
				server._stopping = True

	for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
		signal.signal(number, note)
	server.run(handle)
	if options.counts:
		server.counts.write(options.counts)
	return 0


if __name__ == "__main__":
	sys.exit(main())
