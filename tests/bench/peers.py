# SPDX-License-Identifier: BSD-2-Clause
"""peers - the filters of the bench: mailreeve, the one that does nothing, OpenDKIM and rspamd.

fetch() unpacks Debian's packages of the peers below the build directory; nothing is installed. Each filter is started
with a configuration that is kept beside the results.
"""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from mta import MtaSession
from namespace import write
from postfix import header_fields

import world

PACKAGES = ("rspamd", "opendkim", "opendmarc", "postfix-policyd-spf-python")
APT = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "APT::Sandbox::User=root")
FILES_MAX = 65536
PATIENCE_S = 60

OPENDKIM_CONF = """Mode v
Socket local:{socket}
Syslog no
Nameservers 127.0.0.1
PidFile {folder}/opendkim.pid
UMask 000
InternalHosts 192.0.2.1
AlwaysAddARHeader yes
"""
RSPAMD_CONF = """options {{
	pidfile = "{folder}/rspamd.pid";
	filters = "dkim";
	hs_cache_dir = "{cache}";
	tempdir = "{folder}";
	local_addrs = [];
	url_tld = "$SHAREDIR/effective_tld_names.dat";
	control_socket = "{folder}/rspamd.control";
	history_rows = 1;
	dns {{ nameserver = ["127.0.0.1:53:1"]; timeout = 5s; retransmits = 3; sockets = 16; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "info"; }}
worker "rspamd_proxy" {{
	bind_socket = "{socket} mode=0666";
	milter = yes;
	timeout = 120s;
	count = 2;
	upstream "local" {{ default = yes; self_scan = yes; }}
}}
modules {{ path = "$PLUGINSDIR/spf.lua"; path = "$PLUGINSDIR/rbl.lua"; }}
spf {{ }}
dkim {{ }}
rbl {{
	rbls {{
{lists}	}}
}}
actions {{ reject = 15; add_header = 6; }}
group "policies" {{ .include "{scores}/policies_group.conf" }}
"""
RSPAMD_LIST = ('\t\tbl{n} {{ symbol = "BL{n}"; rbl = "{zone}"; ipv4 = true; ipv6 = true; from = true; received = false; '
	"unknown = true; }}\n")
# The packaged configuration with every module but three switched off, as an administrator would do it: in override.d.
RSPAMD_STOCK = {
	"options.inc": """local_addrs = [];
hs_cache_dir = "{cache}";
filters = "dkim";
dns {{ nameserver = ["127.0.0.1:53:1"]; timeout = 5s; retransmits = 3; sockets = 16; }}
""",
	"logging.inc": 'type = "file"; filename = "{folder}/rspamd_stock.log";\n',
	"worker-proxy.inc": 'bind_socket = "{socket} mode=0666";\n',
	"rbl.conf": "rbls {{\n{lists}}}\n",
}


# ---- packages

def _missing(names):
	"""The packages that an installation would bring along, as far as programs need them."""
	done = subprocess.run(["apt-get", "-s", "install", "--no-install-recommends", *names], capture_output=True, text=True,
			check=False)
	return [name for name in re.findall(r"^Inst (\S+) ", done.stdout, re.M)
			if name in names or re.match(r"lib(?!js-|config-|mariadb)|python3-", name)]


def fetch(folder):
	"""Unpack them below `folder`/root, once. False, and a sentence, when that cannot be done."""
	if os.path.exists(folder + "/complete"):
		return True
	shutil.rmtree(folder, ignore_errors=True)
	os.makedirs(folder + "/packages")
	os.makedirs(folder + "/root")
	names = [name for name in PACKAGES if not _installed(name)]
	if names:
		done = subprocess.run(["apt-get", *APT, "download", *(_missing(names) or names)], cwd=folder + "/packages",
				capture_output=True, text=True, check=False)
		if done.returncode:
			print(f"the peers cannot be fetched, and are left out: {done.stderr.strip().splitlines()[-1:]}")
			return False
	for name in os.listdir(folder + "/packages"):
		subprocess.run(["dpkg-deb", "-x", f"{folder}/packages/{name}", folder + "/root"], check=True)
	write(folder + "/complete", "")
	return True


def _installed(name):
	done = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", name], capture_output=True, text=True,
			check=False)
	return done.stdout == "installed"


def environment(root):
	"""For what was unpacked below `root`."""
	libraries = [os.path.join(root, "usr/lib/rspamd")]
	libraries += [path for path, _folders, files in os.walk(os.path.join(root, "usr/lib"))
			if any(".so" in name for name in files) and path not in libraries]
	return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))


def find(root, path):
	"""A file of a package, unpacked or installed."""
	return path if os.path.exists(path) else root + path


# ---- filters

# What shows that a filter has done the whole workload, for a client that is on every list: in its log or its changes.
PROOF = {
	"mailreeve": ["spf=pass", "dkim=pass", "dmarc=pass", "dnsbl.bl1.listed", "dnsbl.bl2.listed", "dnsbl.bl3.listed"],
	"opendkim": ["dkim=pass"],
	"rspamd": ["R_SPF_ALLOW", "R_DKIM_ALLOW", "BL1", "BL2", "BL3"],
	"rspamd_stock": ["R_SPF_ALLOW", "R_DKIM_ALLOW", "BL1", "BL2", "BL3"],
	"noop": ["X-Noop"],
}


class Filter:
	"""A daemon between start() and stop(). `where`: its socket as mailreeve-load wants it; `config`: what it was told."""

	def __init__(self, name, folder, command, config="", env=None):
		self.name, self.folder, self.env, self.config = name, folder, env, config
		self.socket = f"{folder}/{name}.sock"
		self.where = "unix:" + self.socket
		self.command = command
		self.process = None

	def start(self):
		"""Start, and wait until it takes connections."""
		if os.path.exists(self.socket):
			os.unlink(self.socket)
		with open(f"{self.folder}/{self.name}.log", "wb") as log:
			self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
					cwd=self.folder, preexec_fn=_many_files)
		end = time.monotonic() + PATIENCE_S
		while not self._serves():
			if self.process.poll() is not None or time.monotonic() > end:
				with open(f"{self.folder}/{self.name}.log", encoding="utf-8", errors="replace") as log:
					raise RuntimeError(f"{self.name} does not start: {log.read()}")
			time.sleep(0.02)
		time.sleep(0.3)
		return self

	def prove(self, message):
		"""Let it look at one message, and RuntimeError unless it did all that is measured."""
		fields = header_fields(message)
		body = message.partition(b"\r\n\r\n")[2]
		address, sender = world.address(world.LISTED), world.domain(0)
		with MtaSession(self.where) as session:
			session.start("unknown", address, f"client.{sender}")
			delivered = session.message(f"<alice@{sender}>", ["<bob1@example.org>"], fields, body)
			session.quit()
		time.sleep(0.2)
		said = repr(delivered.reply)
		with open(f"{self.folder}/{self.name}.log", encoding="utf-8", errors="replace") as log:
			said += log.read()
		missing = [word for word in PROOF.get(self.name, ()) if word not in said]
		if missing:
			raise RuntimeError(f"{self.name} does not do the work that is measured: no {missing} in {said}")

	def _serves(self):
		with socket.socket(socket.AF_UNIX) as probe:
			try:
				probe.connect(self.socket)
				return True
			except OSError:
				return False

	def stop(self):
		"""SIGTERM, and SIGKILL when that does not help."""
		if self.process is None:
			return
		self.process.send_signal(signal.SIGTERM)
		try:
			self.process.wait(15)
		except subprocess.TimeoutExpired:
			self.process.kill()
			self.process.wait()
		self.process = None

	@property
	def pid(self):
		return self.process.pid


def _many_files():
	most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
	limit = FILES_MAX if most == resource.RLIM_INFINITY else min(FILES_MAX, most)
	resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))


def lists_option(count):
	"""mailreeve's option for so many DNS lists."""
	zones = world.LISTS if count == len(world.LISTS) else [f"bl{n}.example" for n in range(1, count + 1)]
	return "dnsbl.lists=(" + ", ".join(
		f'{{ name = "bl{n}"; zone = "{zone}"; over = [ "client" ]; codes = ( {{ code = "127.0.0.2"; name = "listed"; '
		"points = 3.0; } ); }" for n, zone in enumerate(zones, 1)) + ")"


# What the workload does not ask for. The groups and rules of the shipped file name facts of its own lists.
ONLY_WORKLOAD = ["rdns.enabled=false", "helo.enabled=false", "sender.enabled=false", "greeting.enabled=false",
	"format.enabled=false", "recipient.enabled=false"]
OTHER_LISTS = ["policy.groups=()", "policy.rules=()"]


def mailreeve(folder, program, shipped, options=None, name="mailreeve", lists=3):
	"""The daemon with the shipped file and `options` (default: the checks of the workload)."""
	options = list(ONLY_WORKLOAD if options is None else options)
	if lists is not None:
		options += OTHER_LISTS + [lists_option(lists)]
	options = ["user=", f"socket=unix:{folder}/{name}.sock", f"pid_file={folder}/{name}.pid", "log=stderr"] + options
	command = [program, "-f", "-c", shipped, "--allow-root"] + [word for text in options for word in ("-o", text)]
	config = f"{os.path.basename(shipped)} as shipped, and:\n" + "".join(f"  -o '{text}'\n" for text in options)
	return Filter(name, folder, command, config)


def noop(folder, program):
	return Filter("noop", folder, [program, f"unix:{folder}/noop.sock"], "no configuration; see noop.c\n")


def opendkim(folder, root):
	config = OPENDKIM_CONF.format(folder=folder, socket=folder + "/opendkim.sock")
	path = write(folder + "/opendkim.conf", config)
	return Filter("opendkim", folder, [find(root, "/usr/sbin/opendkim"), "-f", "-x", path], config, environment(root))


def _rspamd(name, folder, root, path, config, confdir, localdir):
	share, state = find(root, "/usr/share/rspamd"), f"{folder}/{name}.state"
	os.makedirs(state, exist_ok=True)
	variables = {"SHAREDIR": share, "PLUGINSDIR": share + "/plugins", "LUALIBDIR": share + "/lualib",
		"RULESDIR": share + "/rules", "DBDIR": state, "RUNDIR": state, "LOGDIR": state, "CONFDIR": confdir,
		"LOCAL_CONFDIR": localdir, "WWWDIR": share + "/www"}
	command = [find(root, "/usr/bin/rspamd"), "-f", "-i", "-c", path]
	command += [word for key, value in variables.items() for word in ("--var", f"{key}={value}")]
	return Filter(name, folder, command, config, environment(root))


def _rspamd_values(name, folder, root):
	cache = os.path.join(root, "..", "rspamd-cache")  # else each start takes ten seconds
	os.makedirs(cache, exist_ok=True)
	lists = "".join(RSPAMD_LIST.format(n=n, zone=zone) for n, zone in enumerate(world.LISTS, 1))
	return {"folder": folder, "cache": cache, "socket": f"{folder}/{name}.sock", "lists": lists,
		"scores": find(root, "/etc/rspamd/scores.d")}


def rspamd(folder, root):
	"""Nothing but the three modules: less than any package has."""
	config = RSPAMD_CONF.format(**_rspamd_values("rspamd", folder, root))
	return _rspamd("rspamd", folder, root, write(folder + "/rspamd.conf", config), config, folder, folder)


def rspamd_stock(folder, root):
	"""The packaged configuration, all other modules off."""
	etc, local = find(root, "/etc/rspamd"), folder + "/rspamd_local"
	files = {name: text.format(**_rspamd_values("rspamd_stock", folder, root)) for name, text in RSPAMD_STOCK.items()}
	for name in os.listdir(etc + "/modules.d"):
		if name not in ("spf.conf", "dkim.conf", "rbl.conf"):
			files[name] = "enabled = false;\n"
	os.makedirs(local + "/override.d", exist_ok=True)
	for name, text in files.items():
		write(f"{local}/override.d/{name}", text)
	config = "the package's rspamd.conf, and in override.d:\n"
	config += "".join(f"-- {name}\n{text}" for name, text in files.items())
	return _rspamd("rspamd_stock", folder, root, etc + "/rspamd.conf", config, etc, local)
