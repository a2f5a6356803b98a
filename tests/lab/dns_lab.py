# SPDX-License-Identifier: BSD-2-Clause
"""A small world of DNS in a network namespace of its own, and dnsask to ask it questions.

nsd with a fake root and a few zones, unbound as the resolver that is forwarded to, chaos servers (one address a fault,
since resolvers remember bad servers by address) as servers of zones and as forwarders.
"""

import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import chaos_dns
import zonefile

INSIDE = "MAILREEVE_HAZARDS_INSIDE"
ROOT, NSD, UNBOUND, UNBOUND_LOCAL = "198.51.100.1", "198.51.100.2", "198.51.100.53", "127.0.0.1"
CHAOS = {
	"dead": "198.51.100.10", "servfail": "198.51.100.11", "refused": "198.51.100.12", "garbage": "198.51.100.13",
	"wrongid": "198.51.100.14", "odd": "198.51.100.15", "late": "198.51.100.16", "dead6": "198.51.100.17",
	"formerr": "198.51.100.18", "dead7": "198.51.100.19",
}
FORWARDERS = {"mixed": "198.51.100.60", "idle": "198.51.100.61", "outage": "198.51.100.62", "crowd": "198.51.100.63",
              "plain": "198.51.100.64", "late": "198.51.100.65", "outage2": "198.51.100.66"}
SOA = "SOA ns.example. hostmaster.example. 1 3600 600 86400 60"

# every fault below a zone of its own; the forwarders serve all of it without the delegations
ODD_ZONE = """
odd.example 300 {soa}
one.odd.example A 192.0.2.1
c1.odd.example CNAME c2.odd.example
c2.odd.example CNAME c3.odd.example
c3.odd.example CNAME far.healthy.example
loop.odd.example * !cnameloop
strings.odd.example TXT "v=spf1 " "include:" "" "\\001x"
cut.odd.example A 192.0.2.7
cut.odd.example * !truncate
big.odd.example TXT !bigtxt=3000
*.many.odd.example A 192.0.2.8
""".format(soa=SOA)

HEALTHY_RECORDS = """
ok.healthy.example A 192.0.2.80
ok2.healthy.example A 192.0.2.81
far.healthy.example A 192.0.2.90
*.w.healthy.example A 192.0.2.82
"""

REVERSE = [
	("1.0.0.10.in-addr.arpa", "PTR", "lan.example"),
	("7.2.0.192.in-addr.arpa", "PTR", "doc1.example"),
	("7.113.0.203.in-addr.arpa", "PTR", "doc3.example"),
	("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "doc6.example"),
	("host.test", "A", "192.0.2.33"),
	("host.invalid", "A", "192.0.2.34"),
]


class Failed(Exception):
	pass


def expect(condition, text):
	if not condition:
		raise Failed(text)


def enter_namespace(script):
	"""Run ourselves again in namespaces of our own."""
	for tool in ("unshare", "ip", "nsd", "unbound"):
		if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
			print("# %s is not installed; the DNS hazard tests are skipped" % tool)
			sys.exit(77)
	command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
	if os.geteuid() != 0:
		command += ["--user", "--map-root-user"]
	if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL).returncode != 0:
		print("# no network namespaces here; the DNS hazard tests are skipped")
		sys.exit(77)
	os.environ[INSIDE] = "1"
	os.execvp(command[0], command + [sys.executable, os.path.abspath(script)] + sys.argv[1:])


def network_up():
	for command in ("ip link set lo up", "ip route add local 0.0.0.0/0 dev lo", "ip -6 route add local ::/0 dev lo"):
		subprocess.run(command.split(), check=True)


def root_zones():
	"""name of each nsd zone -> its text."""
	delegations = "".join("%s.example. NS ns.%s.example.\nns.%s.example. A %s\n" % (zone, zone, zone, address)
	                      for zone, address in CHAOS.items())
	tops = ("example", "test", "invalid", "10.in-addr.arpa", "2.0.192.in-addr.arpa", "113.0.203.in-addr.arpa",
	        "8.b.d.0.1.0.0.2.ip6.arpa")
	root = ". 300 IN %s\n. NS ns.root.\nns.root. A %s\n" % (SOA, ROOT)
	root += "".join("%s. NS ns.tops.root.\n" % top for top in tops) + "ns.tops.root. A %s\n" % NSD
	zones = {".": root}
	for top in tops:
		text = "%s. 300 IN %s\n%s. NS ns.tops.root.\n" % (top, SOA, top)
		for name, kind, value in REVERSE:
			if name.endswith(top):
				text += "%s. 300 %s %s%s\n" % (name, kind, value, "." if kind == "PTR" else "")
		zones[top] = text
	zones["example"] += delegations + "unsigned.example. A 192.0.2.99\n"
	zones["example"] += HEALTHY_RECORDS.replace(".example", ".example.").strip() + "\n"
	return zones


def start_server(command, log):
	with open(log, "w", encoding="utf-8") as file:
		return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def start_nsd(folder):
	config = "server:\n ip-address: %s\n ip-address: %s\n" % (ROOT, NSD)
	config += " username: \"\"\n chroot: \"\"\n database: \"\"\n"
	config += " zonesdir: %s\n pidfile: %s/nsd.pid\n" % (folder, folder)
	config += " xfrdfile: %s/xfrd\n xfrdir: %s\n zonelistfile: %s/zones\n" % ((folder,) * 3)
	config += " server-count: 1\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n"
	for number, (name, text) in enumerate(root_zones().items()):
		path = "%s/zone%d" % (folder, number)
		with open(path, "w", encoding="ascii") as file:
			file.write("$TTL 300\n" + text)
		config += "zone:\n name: %s\n zonefile: %s\n" % (name, path)
	with open(folder + "/nsd.conf", "w", encoding="ascii") as file:
		file.write(config)
	return start_server(["nsd", "-d", "-c", folder + "/nsd.conf"], folder + "/nsd.log")


def start_unbound(folder):
	config = "server:\n interface: %s\n interface: %s\n" % (UNBOUND, UNBOUND_LOCAL)
	config += " access-control: 0.0.0.0/0 allow\n chroot: \"\"\n username: \"\"\n use-syslog: no\n"
	config += " directory: %s\n pidfile: %s/unbound.pid\n root-hints: %s/hints\n" % ((folder,) * 3)
	config += " module-config: \"iterator\"\n unblock-lan-zones: yes\n local-zone: \"test.\" nodefault\n"
	config += " local-zone: \"invalid.\" nodefault\nremote-control:\n control-enable: no\n"
	with open(folder + "/unbound.conf", "w", encoding="ascii") as file:
		file.write(config)
	return start_server(["unbound", "-d", "-c", folder + "/unbound.conf"], folder + "/unbound.log")


def wait_for_server(address, name, kind):
	query = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + zonefile.wire_name(name) + struct.pack(">HH", kind, 1)
	for _ in range(200):
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
			sock.settimeout(0.2)
			try:
				sock.connect((address, 53))
				sock.send(query)
				if sock.recv(4096)[3] & 15 == 0:
					return
			except OSError:
				time.sleep(0.05)
	raise Failed("the server at %s does not come up" % address)


def chaos_zones():
	fault = lambda zone, fault: zonefile.parse("%s.example %s\n*.%s.example * !%s\n" % (zone, SOA, zone, fault))
	late = zonefile.parse("late.example %s\n*.late.example A 192.0.2.61\n*.late.example * !slow=2500\n" % SOA)
	zones = {name: fault(name, name) for name in ("servfail", "refused", "garbage", "wrongid", "formerr")}
	zones.update({name: fault(name, "timeout") for name in ("dead", "dead6", "dead7")})
	zones.update({"odd": zonefile.parse(ODD_ZONE), "late": late})
	forward = "example %s\n" % SOA + ODD_ZONE + HEALTHY_RECORDS
	forward += "*.dead.example * !timeout\n*.slow300.example A 192.0.2.3\n*.slow300.example A !slow=300\n"
	forward += "*.slow1000.example A 192.0.2.4\n*.slow1000.example A !slow=1000\n"
	forward += "".join("*.%s.example * !%s\n" % (f, f) for f in ("servfail", "refused", "garbage", "wrongid", "formerr"))
	forward += "*.late.example A 192.0.2.61\n*.late.example * !slow=2500\n"
	return zones, zonefile.parse(forward)


class Lab:
	def __init__(self, folder):
		self.folder = folder
		self.hints = folder + "/hints"
		self.anchor = folder + "/anchor"
		self.processes, self.chaos, self.forwarders = [], {}, {}
		with open(self.hints, "w", encoding="ascii") as file:
			file.write(". 3600 IN NS ns.root.\nns.root. 3600 IN A %s\n" % ROOT)
		with open(self.anchor, "w", encoding="ascii") as file:
			file.write("unsigned.example. 3600 IN DS 12345 8 2 " + "5a" * 32 + "\n")

	def start(self):
		network_up()
		self.processes = [start_nsd(self.folder), start_unbound(self.folder)]
		zones, forward = chaos_zones()
		for name, address in CHAOS.items():
			self.chaos[name] = chaos_dns.ChaosServer(zones[name], [address]).start()
		for name, address in FORWARDERS.items():
			self.forwarders[name] = chaos_dns.ChaosServer(forward, [address]).start()
		wait_for_server(ROOT, ".", 2)
		wait_for_server(UNBOUND, "ok.healthy.example", 1)
		wait_for_server(UNBOUND_LOCAL, "ok.healthy.example", 1)

	def stop(self):
		for server in list(self.chaos.values()) + list(self.forwarders.values()):
			server.stop()
		for process in self.processes:
			process.terminate()
			process.wait(10)

	def recurse(self, *more):
		return ["--mode", "recurse", "--root-hints", self.hints] + list(more)

	def forward(self, name, *more):
		return ["--mode", "forward", "--forward", FORWARDERS.get(name, name)] + list(more)


class Answer:
	def __init__(self, line):
		words = line.split()
		self.name, self.type, self.status, self.why = words[1:5]
		self.rest = line
		self.fields = dict(word.partition("=")[::2] for word in words[5:11])
		self.records = words[11:]
		self.cached = self.fields["cached"] == "1"

	def __str__(self):
		return "%s %s: %s %s after %s ms" % (self.name, self.type, self.status, self.why, self.fields["ms"])


class Asker:
	"""A running dnsask. Use as a context; ask() returns nothing, answer() waits for the answer to a name."""

	def __init__(self, args, files=None):
		def limit():
			resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
		self.process = subprocess.Popen([os.environ["DNSASK"]] + args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
		                                stderr=subprocess.PIPE, text=True, preexec_fn=limit if files else None)
		self.changed = threading.Condition()
		self.answers, self.lines, self.log = {}, [], []
		self.threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
		for thread in self.threads:
			thread.start()

	def _read(self):
		for line in self.process.stdout:
			with self.changed:
				if line.startswith("answer "):
					answer = Answer(line)
					self.answers.setdefault((answer.name, answer.type), []).append(answer)
				else:
					self.lines.append(line.strip())
				self.changed.notify_all()

	def _read_log(self):
		for line in self.process.stderr:
			self.log.append(line.rstrip())

	def __enter__(self):
		return self

	def __exit__(self, kind, *_):
		if kind is not None:
			self.process.kill()
		status = self.finish()
		if kind is None:
			expect(status == 0, "dnsask ended with status %d: %s" % (status, self.log[-5:]))

	def send(self, *lines):
		self.process.stdin.write("".join(line + "\n" for line in lines))
		self.process.stdin.flush()

	def ask(self, *names, type="A"):
		self.send(*("%s %s" % (name, type) for name in names))

	def _wait(self, what, ready, seconds):
		with self.changed:
			if not self.changed.wait_for(lambda: ready() is not None, seconds):
				raise Failed("%s: nothing within %d s; log: %s" % (what, seconds, self.log[-3:]))
			return ready()

	def answer(self, name, type="A", number=0, seconds=60):
		def ready():
			got = self.answers.get((name, type), [])
			return got[number] if len(got) > number else None
		return self._wait("%s %s" % (name, type), ready, seconds)

	def query(self, name, type="A", seconds=60):
		"""Ask one name and return its answer."""
		number = len(self.answers.get((name, type), []))
		self.ask(name, type=type)
		return self.answer(name, type, number, seconds)

	def stats(self):
		have = sum(line.startswith("stats ") for line in self.lines)
		self.send("!stats")

		def ready():
			got = [line for line in self.lines if line.startswith("stats ")]
			return got[have] if len(got) > have else None
		return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self._wait("stats", ready, 30))}

	def finish(self, quit_now=False):
		"""End it; returns its exit status."""
		try:
			if quit_now:
				self.send("!quit")
			self.process.stdin.close()
		except OSError:
			pass
		status = self.process.wait(60)
		for thread in self.threads:
			thread.join()
		self.process.stdout.close()
		self.process.stderr.close()
		return status


def expect_found(answer, record):
	expect(answer.status == "found" and record in answer.records,
	       "%s, not %s (%s)" % (answer, record, answer.rest.strip()))
