# SPDX-License-Identifier: BSD-2-Clause
"""world - what the bench's filters see: clients, signed messages, DNS. The same for all of them.

The clients are from 198.18.0.0/15, which RFC 2544 keeps for benches: no range for documentation is large enough. Each
domain has an SPF record with one include, a DMARC record and one RSA-2048 key; client number n sends as domain n.
"""
import os

from dkim_signer import Key

CLIENTS, WARM_DOMAINS, COLD_DOMAINS = 4096, 16, 600
LISTS = ("bl1.example", "bl2.example", "bl3.example")
LISTED = 5000  # a client of no list of clients that is on every DNS list
TEN_DOMAINS = 40  # with ten includes side by side
DATE = "Mon, 06 Jul 2026 10:00:00 +0000"
LINE = "The quick brown fox jumps over the lazy dog and runs for the hills.\r\n"
SIGNED = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
SOA = "ns.example. hostmaster.example. 1 3600 600 86400 3600"


def domain(number):
	return f"d{number}.example"


def address(number):
	"""The client's address."""
	return f"198.18.{number // 250}.{number % 250 + 1}"


# ---- messages

def _fields(number, octets):
	name = domain(number)
	fields = [
		("Received", f"from client.{name} (client.{name} [{address(number)}])\r\n\tby mail.{name} (Postfix) with ESMTPS id "
			f"{number:010X}\r\n\tfor <bob1@example.org>; {DATE}"),
		("Received", f"by client.{name} (Postfix, from userid 1000)\r\n\tid {number:09X}0; {DATE}"),
		("From", f"Alice Example <alice@{name}>"), ("To", "Bob Example <bob1@example.org>"),
		("Subject", f"Message {number} of the bench"), ("Date", DATE), ("Message-ID", f"<{number}.{octets}@{name}>"),
		("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "7bit"),
		("User-Agent", "Bench/1.0"), ("Organization", "Example"), ("X-Mailer", "Bench"),
	]
	return fields


def message(key, number, octets=4200):
	"""A message of about so many octets with 14 header fields, signed by domain `number`; as octets."""
	fields = _fields(number, octets)
	head = "".join(f"{name}: {value}\r\n" for name, value in fields)
	body = LINE * (max(0, octets - len(head) - 700) // len(LINE) + 1)
	return key.sign(f"{head}\r\n{body}".encode(), domain(number), "bench", names=SIGNED, tags=("t=1783332000",))


# ---- files

def zone(key, domains=COLD_DOMAINS, clients=CLIENTS):
	"""The zone of everything, for nsd, as the root."""
	lines = ["$TTL 86400", f". SOA {SOA}", ". NS ns.example.", "ns.example. A 192.0.2.53"]
	for number in range(domains):
		name = domain(number)
		lines += [f'{name}. TXT "v=spf1 include:_spf.{name} -all"', f'_spf.{name}. TXT "v=spf1 ip4:198.18.0.0/15 -all"',
			f'_dmarc.{name}. TXT "v=DMARC1; p=none"', key.record(f"bench._domainkey.{name}.").rstrip(),
			f"{name}. MX 10 mx.{name}.", f"mx.{name}. A 198.18.255.1"]
	for number in range(clients):
		pointer = ".".join(reversed(address(number).split("."))) + ".in-addr.arpa."
		lines += [f"{pointer} PTR c{number}.clients.example.", f"c{number}.clients.example. A {address(number)}"]
	lines += [f"{'.'.join(reversed(address(LISTED).split('.')))}.{zone}. A 127.0.0.2" for zone in LISTS]
	for number in range(TEN_DOMAINS):
		name = f"t{number}.example"
		lines += [f'{name}. TXT "v=spf1 ' + " ".join(f"include:i{n}.{name}" for n in range(10)) + ' -all"']
		lines += [f'i{n}.{name}. TXT "v=spf1 ip4:{"198.18.0.0/15" if n == 9 else "203.0.113." + str(n)} -all"'
			for n in range(10)]
	return "\n".join(lines) + "\n"


def write_clients(path, clients, domains):
	"""The client list of mailreeve-load."""
	with open(path, "w", encoding="ascii") as file:
		for number in range(clients):
			name = f"c{number}.clients.example"
			file.write(f"{address(number)} {name} {name} alice@{domain(number % domains)}\n")
	return path


class World:
	"""All files, below `folder`. warm, cold, ten: arguments for mailreeve-load."""

	def __init__(self, folder):
		os.makedirs(folder, exist_ok=True)
		self.folder, self.key = folder, Key()
		self.zone = zone(self.key)
		self.first = message(self.key, 0)
		paths = [self._message(number) for number in range(COLD_DOMAINS)]
		self.warm = ["--clients", write_clients(folder + "/warm", CLIENTS, WARM_DOMAINS)]
		self.warm += [word for path in paths[:WARM_DOMAINS] for word in ("--message", path)]
		self.cold = ["--clients", write_clients(folder + "/cold", COLD_DOMAINS, COLD_DOMAINS)]
		self.cold += [word for path in paths for word in ("--message", path)]
		with open(folder + "/ten", "w", encoding="ascii") as file:
			file.writelines(f"{address(number)} unknown c.example alice@t{number}.example\n" for number in range(TEN_DOMAINS))
		self.ten = ["--clients", folder + "/ten", "--messages", str(TEN_DOMAINS)]

	def _message(self, number):
		path = f"{self.folder}/{number}.eml"
		with open(path, "wb") as file:
			file.write(message(self.key, number))
		return path

	def sized(self, octets):
		"""Arguments for messages of another size."""
		path = f"{self.folder}/size-{octets}.eml"
		with open(path, "wb") as file:
			file.write(message(self.key, 0, octets))
		return ["--clients", self.warm[1], "--message", path]
