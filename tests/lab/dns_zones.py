# SPDX-License-Identifier: BSD-2-Clause
"""dns_zones - deals the records of a zone file out to the servers: nsd, rbldnsd, the chaos server for names with faults.

No I/O here. deal() is a function from a zone to a Deal.
"""
import ipaddress
import re
from dataclasses import dataclass, field

import zonefile

ROOT_ADDRESS = "198.51.100.53"
RBLDNSD_ADDRESS = "198.51.100.54"
CHAOS_NETWORK = "198.51.100.%d"
CHAOS_FIRST, CHAOS_LAST = 64, 254
MX_NAME, MX_ADDRESS, MX_ADDRESS6 = "mx.example.org", "198.51.100.25", "2001:db8:100::25"
SOA = "ns.lab.example. hostmaster.lab.example. 1 3600 600 86400 60"

BASE = f"""
example.org MX 10 {MX_NAME}
{MX_NAME} A {MX_ADDRESS}
{MX_NAME} AAAA {MX_ADDRESS6}
25.100.51.198.in-addr.arpa PTR {MX_NAME}
ns.lab.example A {ROOT_ADDRESS}
rbldnsd.lab.example A {RBLDNSD_ADDRESS}
"""
_LIST_ZONE = re.compile(r"\bzone\s*=\s*\"([^\"]+)\"")


@dataclass
class Deal:
	"""What each server gets. `lists`: zone name -> text of a "generic" data set; `chaos` is served at `chaos_addresses`."""
	root: str = ""
	lists: dict = field(default_factory=dict)
	chaos: str = ""
	chaos_addresses: list = field(default_factory=list)


def list_zones(config_text):
	"""The zones of all DNS lists that a configuration file, or an override, names."""
	return {name.strip(".").lower() for name in _LIST_ZONE.findall(config_text) if "{" not in name}


def reverse_name(address, zone=None):
	"""The name of an address below a list's zone; without a zone that of its PTR record."""
	pointer = ipaddress.ip_address(address).reverse_pointer
	return pointer if zone is None else pointer.rsplit(".", 2)[0] + "." + zone


def _below(name, top):
	return name == top or name.endswith("." + top)


def _top_of(name, tops):
	"""The longest of `tops` at or above a name, or None."""
	return max((top for top in tops if _below(name, top)), key=len, default=None)


def _cuts(zone, lists):
	"""Names that go to the chaos server with everything below them: a whole list, or just the name with the fault."""
	names = set()
	for fault in zone.faults:
		name = fault.name[2:] if fault.name.startswith("*.") else fault.name
		names.add(_top_of(name, lists) or name)
	return sorted(name for name in names if not any(other != name and _below(name, other) for other in names))


def _fits_rbldnsd(record):
	if record.name.startswith("*.") or record.type not in ("A", "TXT"):
		return False
	return record.type == "A" or len(zonefile.strings(record.rdata)) == 1


def _record_line(record):
	return f"{record.name.rstrip('.')}. {record.ttl} IN {record.type} {record.rdata}\n"


def _fault_line(fault):
	# Nothing is signed here: what a validating resolver makes of a bogus answer is SERVFAIL.
	kind = "servfail" if fault.fault == "bogus" else fault.fault
	return f"{fault.name} {fault.type} !{kind}{'=' + fault.arg if fault.arg else ''}\n"


def _list_rdata(record):
	if record.type == "A":
		return record.rdata
	return '"' + zonefile.strings(record.rdata)[0].decode("latin-1").replace('"', "'") + '"'


def _list_text(name, records):
	lines = [f"$SOA 60 {SOA}", "$NS 300 rbldnsd.lab.example."]
	# RFC 5782 section 5: every list lists its test point.
	lines += ["2.0.0.127 300 A 127.0.0.2", "test 300 A 127.0.0.2"]
	for record in records:
		owner = record.name[:-len(name) - 1] or "@"
		line = f"{owner} {record.ttl} {record.type} {_list_rdata(record)}"
		if line not in lines:
			lines.append(line)
	return "\n".join(lines) + "\n"


def _delegation(name, server, address):
	return f"{name}. 300 IN NS {server}.\n{server}. 300 IN A {address}\n"


def deal(zone, lists=()):
	"""Deal out the records of a zonefile.Zone; `lists` are the zones of DNS lists."""
	lists = set(lists)
	cuts = _cuts(zone, lists)
	records = {}
	for record in zone.records:
		top = _top_of(record.name, cuts) or _top_of(record.name, lists) or ""
		records.setdefault(top, []).append(record)
	for name in [name for name in lists if name not in cuts and not all(map(_fits_rbldnsd, records.get(name, [])))]:
		records.setdefault("", []).extend(records.pop(name))
		lists.discard(name)
	result = Deal()
	base = zonefile.parse(BASE, "lab")
	lines = ["$ORIGIN .\n", "$TTL 300\n", f". 300 IN SOA {SOA}\n", ". 300 IN NS ns.lab.example.\n"]
	lines += [_record_line(record) for record in base.records + records.get("", [])]
	for name in sorted(lists - set(cuts)):
		lines.append(_delegation(name, "rbldnsd.lab.example", RBLDNSD_ADDRESS))
		result.lists[name] = _list_text(name, records.get(name, []))
	chaos = [_record_line(record) for cut in cuts for record in records.get(cut, [])]
	octets = [CHAOS_FIRST + number % (CHAOS_LAST - CHAOS_FIRST + 1) for number in range(len(cuts))]
	for octet, cut in zip(octets, cuts):
		lines.append(_delegation(cut, f"chaos{octet}.lab.example", CHAOS_NETWORK % octet))
		chaos.append(f"{cut}. 300 IN SOA {SOA}\n")
	chaos += [_fault_line(fault) for fault in zone.faults]
	result.root = "".join(dict.fromkeys(lines))
	result.chaos = "".join(dict.fromkeys(chaos))
	result.chaos_addresses = [CHAOS_NETWORK % octet for octet in dict.fromkeys(octets)]
	return result
