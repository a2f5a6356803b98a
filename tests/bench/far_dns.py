# SPDX-License-Identifier: BSD-2-Clause
"""far_dns - the bench's DNS: unbound on 127.0.0.1 as the machine's cache, nsd with every name, a delay between them."""
import os
import socket
import struct
import subprocess
import time

from dns_servers import NSD_CONF
from namespace import write

import zonefile

NSD, FAR = "192.0.2.53", "192.0.2.54"
PATIENCE_S = 30
UNBOUND_CONF = """server:
	interface: 127.0.0.1
	access-control: 127.0.0.0/8 allow
	directory: {folder}
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	num-threads: 1
	module-config: "iterator"
	unblock-lan-zones: yes
	insecure-lan-zones: yes
	qname-minimisation: no
	outgoing-range: 4096
	num-queries-per-thread: 4096
	msg-cache-size: 64m
	rrset-cache-size: 128m
	infra-cache-min-rtt: 200
remote-control:
	control-enable: no
forward-zone:
	name: "."
	forward-addr: {far}
"""


class Dns:
	"""As a context. `program`: tests/bench/delay."""

	def __init__(self, folder, zone, program):
		self.folder, self.zone, self.program = folder, zone, program
		self.processes = {}

	def __enter__(self):
		os.makedirs(self.folder, exist_ok=True)
		write(self.folder + "/root.zone", self.zone)
		write(self.folder + "/nsd.conf", NSD_CONF.format(address=NSD, folder=self.folder))
		write(self.folder + "/unbound.conf", UNBOUND_CONF.format(folder=self.folder, far=FAR))
		self._start("nsd", "nsd", "-d", "-c", self.folder + "/nsd.conf")
		wait_answers(NSD)
		self._start("delay", self.program, FAR, NSD, self.folder + "/delay")
		wait_answers(FAR)
		self.forget()
		return self

	def __exit__(self, *_args):
		for name in list(self.processes):
			self._stop(name)

	def _start(self, name, *command):
		with open(f"{self.folder}/{name}.log", "ab") as log:
			self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

	def _stop(self, name):
		process = self.processes.pop(name)
		process.terminate()
		process.wait()

	def forget(self):
		"""An empty cache."""
		if "unbound" in self.processes:
			self._stop("unbound")
		self._start("unbound", "unbound", "-d", "-c", self.folder + "/unbound.conf")
		wait_answers("127.0.0.1")

	def far(self, milliseconds):
		"""How far away the servers are from now on."""
		with open(self.folder + "/delay", "w", encoding="ascii") as fifo:
			fifo.write(f"{milliseconds}\n")
		time.sleep(0.05)


def wait_answers(address):
	"""Wait until a server answers."""
	query = struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + zonefile.wire_name("ns.example") + struct.pack(">HH", 1, 1)
	end = time.monotonic() + PATIENCE_S
	while time.monotonic() < end:
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
			sock.settimeout(0.5)
			try:
				sock.connect((address, 53))
				sock.send(query)
				if sock.recv(4096)[3] & 15 == 0:
					return
			except OSError:
				pass
		time.sleep(0.02)
	raise RuntimeError(f"no DNS at {address}")
