# SPDX-License-Identifier: BSD-2-Clause
"""dns_servers - the laboratory's DNS: nsd with a root zone that serves everything, rbldnsd for the lists, the chaos
server for what must fail, unbound on 127.0.0.1 as the cache that Postfix and mailreeve ask."""
import os
import socket
import struct
import subprocess
import sys
import time

import dns_zones
import zonefile
from namespace import WORK, ids_of, write

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT_HINTS = "/etc/unbound/lab.hints"
PATIENCE_S = 30

NSD_CONF = """server:
	ip-address: {address}
	username: ""
	chroot: ""
	database: ""
	zonesdir: {folder}
	pidfile: {folder}/nsd.pid
	xfrdfile: {folder}/xfrd.state
	xfrdir: {folder}
	zonelistfile: {folder}/zone.list
	server-count: 1
	rrl-ratelimit: 0
remote-control:
	control-enable: no
zone:
	name: .
	zonefile: {folder}/root.zone
"""
# No memory of bad servers, since the next scenario may need them; nothing is signed; documentation addresses are real.
UNBOUND_CONF = """server:
	interface: 127.0.0.1
	access-control: 127.0.0.0/8 allow
	directory: /etc/unbound
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	num-threads: 1
	module-config: "iterator"
	root-hints: {hints}
	unblock-lan-zones: yes
	insecure-lan-zones: yes
	local-zone: "test." nodefault
	local-zone: "invalid." nodefault
	qname-minimisation: no
	infra-host-ttl: 1
	infra-cache-min-rtt: 100
	outbound-msg-retry: 3
	jostle-timeout: 2000
	outgoing-range: 1024
remote-control:
	control-enable: no
"""


class DnsServers:
	"""All four, between start() and stop()."""

	def __init__(self, zone, lists=()):
		self.deal = dns_zones.deal(zone, lists)
		self.folder = WORK + "/dns"
		self.processes = {}

	def start(self):
		"""Start them; wait_ready() waits until they answer."""
		os.mkdir(self.folder)
		os.makedirs("/etc/unbound", exist_ok=True)
		write(ROOT_HINTS,
		      f". 3600 IN NS ns.lab.example.\nns.lab.example. 3600 IN A {dns_zones.ROOT_ADDRESS}\n")
		self._start_nsd()
		self._start_rbldnsd()
		self._start_chaos()
		write("/etc/unbound/lab.conf", UNBOUND_CONF.format(hints=ROOT_HINTS))
		self._start("unbound", ["unbound", "-d", "-c", "/etc/unbound/lab.conf"])
		return self

	def _start(self, name, command):
		with open(f"{self.folder}/{name}.log", "ab") as log:
			self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

	def _start_nsd(self):
		write(self.folder + "/root.zone", self.deal.root)
		write(self.folder + "/nsd.conf", NSD_CONF.format(address=dns_zones.ROOT_ADDRESS, folder=self.folder))
		self._start("nsd", ["nsd", "-d", "-c", self.folder + "/nsd.conf"])

	def _start_rbldnsd(self):
		sets = []
		for number, (name, text) in enumerate(self.deal.lists.items()):
			write(f"{self.folder}/list{number}", text)
			sets.append(f"{name}:generic:list{number}")
		if sets:
			user, _gid = ids_of("rbldns")
			self._start("rbldnsd", ["rbldnsd", "-n", "-4", "-u", str(user), "-w", self.folder, "-c", "0", "-t", "300",
			                        "-b", dns_zones.RBLDNSD_ADDRESS + "/53"] + sets)

	def _start_chaos(self):
		if self.deal.chaos_addresses:
			write(self.folder + "/chaos.zone", self.deal.chaos)
			self._start("chaos", [sys.executable, os.path.join(HERE, "chaos_dns.py"),
			                      "--zone", self.folder + "/chaos.zone", "--listen"] + self.deal.chaos_addresses)

	def wait_ready(self):
		"""Wait until every server answers; RuntimeError with its log when one does not."""
		probes = [("nsd", dns_zones.ROOT_ADDRESS, dns_zones.MX_NAME)]
		probes += [("rbldnsd", dns_zones.RBLDNSD_ADDRESS, "2.0.0.127." + name) for name in list(self.deal.lists)[:1]]
		probes += [("chaos", address, None) for address in self.deal.chaos_addresses[-1:]]
		probes += [("unbound", "127.0.0.1", dns_zones.MX_NAME)]
		for name, address, question in probes:
			self._wait(name, address, question)

	def _wait(self, name, address, question):
		end = time.monotonic() + PATIENCE_S
		while not (listens(address) if question is None else answers(address, question)):
			if self.processes[name].poll() is not None or time.monotonic() > end:
				with open(f"{self.folder}/{name}.log", encoding="utf-8", errors="replace") as log:
					raise RuntimeError(f"{name} does not serve {address}:\n{log.read()}")
			time.sleep(0.01)

	def stop(self):
		"""End all of them."""
		for process in self.processes.values():
			process.terminate()
		for process in self.processes.values():
			try:
				process.wait(5)
			except subprocess.TimeoutExpired:
				process.kill()
				process.wait()


def answers(address, name):
	"""Does a server answer the question for the A record of a name without an error?"""
	query = struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + zonefile.wire_name(name) + struct.pack(">HH", 1, 1)
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
		sock.settimeout(0.5)
		try:
			sock.connect((address, 53))
			sock.send(query)
			reply = sock.recv(4096)
			return reply[3] & 15 == 0 and reply[6:8] != b"\0\0"
		except OSError:
			return False


def listens(address):
	"""Can a TCP connection to port 53 be made? (For a server that may be told not to answer.)"""
	try:
		socket.create_connection((address, 53), 1).close()
		return True
	except OSError:
		return False
