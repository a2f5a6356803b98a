# SPDX-License-Identifier: BSD-2-Clause
"""mta_view - what an MTA finds out about its client from a scenario's zone: the macros {client_name}, {client_ptr},
{client_resolve}.

Reads as much of the zone format as reverse DNS needs: PTR, A, AAAA, and the faults that make them fail.
"""
import ipaddress
import re

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*$")


def _records(zone, name, kind):
	"""(values, failed) for a name and type; failed when the zone says that nobody answers."""
	values, failed = [], False
	for _line, text in zone:
		words = [word for word in text.split() if not word.isdigit() and word.upper() != "IN"]
		owner = words[0].rstrip(".").lower()
		wild = owner.startswith("*.") and name.endswith(owner[1:]) and words[2].startswith("!")
		if (owner != name and not wild) or words[1].upper() not in (kind, "*"):
			continue
		if words[2].startswith("!"):
			failed = failed or not words[2].startswith("!slow")
		else:
			values.append(words[2].rstrip(".").lower())
	return values, failed


def client_macros(zone, address):
	"""The three macros for a client address, as Postfix gives them."""
	ip = ipaddress.ip_address(address)
	names, failed = _records(zone, ip.reverse_pointer, "PTR")
	if failed or not names or not _HOSTNAME.match(names[0]):
		return {"{client_name}": "unknown", "{client_ptr}": "unknown", "{client_resolve}": "TEMP" if failed else "FAIL"}
	values, failed = _records(zone, names[0], "AAAA" if ip.version == 6 else "A")
	confirmed = any(ipaddress.ip_address(value) == ip for value in values)
	resolve = "OK" if confirmed else "TEMP" if failed else "FORGED"
	return {"{client_name}": names[0] if confirmed else "unknown", "{client_ptr}": names[0],
			"{client_resolve}": resolve}
