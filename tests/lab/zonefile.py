# SPDX-License-Identifier: BSD-2-Clause
"""The project's zone files: lines as in RFC 1035 5.1, plus faults.

    name [TTL] [IN] TYPE rdata        mail.example.org 300 A 192.0.2.1
    name TYPE !fault[=argument]       slow.example.org A !slow=1500
    name * !fault                     *.broken.example * !timeout

Names are absolute with or without the final dot. `;` starts a comment, parentheses join lines, a line that begins with a
blank is about the name of the line before, `$TTL seconds` is the only directive. `*.name` is a wildcard (RFC 4592), for
faults too. `*` as a type: every type that has no fault of its own. A name that only a fault mentions exists.

The daemon's own reader (src/dns/zone_file.c) knows the faults timeout, servfail, bogus and slow; the others need a
server.
"""

import base64
import collections
import ipaddress

DEFAULT_TTL_S = 300

TYPES = {
	"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
	"DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "TLSA": 52, "SPF": 99, "CAA": 257, "ANY": 255,
}
TYPE_NAMES = {number: name for name, number in TYPES.items()}

# fault: does it take an argument ("no", "may", "must")
FAULTS = {
	"timeout": "no", "servfail": "no", "refused": "no", "formerr": "no", "truncate": "no", "garbage": "no",
	"wrongid": "no", "cnameloop": "no", "bogus": "no", "nxdomain": "no", "lame": "no", "referral": "no", "slow": "must",
	"bigtxt": "may",
}


class ZoneError(ValueError):
	"""A line that cannot be read: the text names file and line and what would be right."""


class _LineError(ValueError):
	def __init__(self, line, text):
		super().__init__(text)
		self.line = line


class Record(collections.namedtuple("Record", "name ttl type rdata")):
	line = 0


class Fault(collections.namedtuple("Fault", "name type fault arg")):
	line = 0


class Zone:
	def __init__(self, filename):
		self.filename = filename
		self.records = []
		self.faults = []


def type_number(name):
	"""The number of a type's name ("A", "TYPE65"), or None."""
	name = name.upper()
	if name in TYPES:
		return TYPES[name]
	if name.startswith("TYPE") and name[4:].isdigit() and int(name[4:]) < 65536:
		return int(name[4:])
	return None


def type_name(number):
	return TYPE_NAMES.get(number, "TYPE%d" % number)


def labels(text):
	"""The labels of a name as bytes, lower-cased; raises ValueError for what is no name."""
	if text in (".", ""):
		return ()
	out, label, i = [], bytearray(), 0
	octets = text.encode("ascii")
	while i < len(octets):
		c = octets[i]
		if c == 0x5C:  # backslash: \DDD or \X
			if octets[i + 1:i + 4].isdigit() and len(octets[i + 1:i + 4]) == 3:
				c, i = int(octets[i + 1:i + 4]), i + 3
			elif i + 1 < len(octets) and not octets[i + 1:i + 2].isdigit():
				c, i = octets[i + 1], i + 1
			else:
				raise ValueError("broken escape in name %r" % text)
			if c > 255:
				raise ValueError("broken escape in name %r" % text)
			label.append(c)
		elif c == 0x2E:
			out.append(bytes(label))
			label = bytearray()
		else:
			label.append(c)
		i += 1
	if label:
		out.append(bytes(label))
	if any(len(one) == 0 for one in out):
		raise ValueError("empty label in name %r" % text)
	if any(len(one) > 63 for one in out) or sum(len(one) + 1 for one in out) > 254:
		raise ValueError("name %r is too long" % text)
	return tuple(one.lower() for one in out)


def text_of(name_labels):
	"""Presentation text of labels: lower-cased, no final dot, "." for the root."""
	def one(label):
		return "".join(chr(c) if 0x20 < c < 0x7F and c not in b".\\" else "\\%03d" % c for c in label)
	return ".".join(one(label) for label in name_labels) or "."


def _entries(text):
	"""Yield (line number, begins with a blank, words); a quoted word keeps its quotes."""
	words, begun, depth, line, i = [], 1, 0, 1, 0
	blank = text[:1] in (" ", "\t")
	while i < len(text):
		c = text[i]
		if c == "\n":
			line += 1
			i += 1
			if depth == 0:
				if words:
					yield begun, blank, words
				words, begun, blank = [], line, text[i:i + 1] in (" ", "\t")
			continue
		if c == ";":
			while i < len(text) and text[i] != "\n":
				i += 1
			continue
		if c in "()":
			depth += 1 if c == "(" else -1
			if depth < 0:
				raise _LineError(begun, "a closing parenthesis without an opening one")
		if c in "() \t\r":
			i += 1
			continue
		start, quoted = i, c == '"'
		i += 1 if quoted else 0
		while i < len(text) and text[i] != "\n" and text[i] not in ('"' if quoted else ' \t\r;()"'):
			i += 2 if text[i] == "\\" and text[i + 1:i + 2] not in ("\n", "") else 1
		if quoted:
			if text[i:i + 1] != '"':
				raise _LineError(begun, "a string without its closing quote")
			i += 1
		words.append(text[start:i])
	if depth:
		raise _LineError(begun, "the file ends before the closing parenthesis")
	if words:
		yield begun, blank, words


def _split(rdata):
	"""The words of one record's data."""
	return [word for _, _, words in _entries(rdata) for word in words]


def strings(rdata):
	"""The strings of a TXT record's text as bytes."""
	out = []
	for word in _split(rdata):
		if word.startswith('"'):
			word = word[1:-1]
		octets, i = bytearray(), 0
		raw = word.encode("utf-8")
		while i < len(raw):
			if raw[i] == 0x5C and raw[i + 1:i + 4].isdigit() and len(raw[i + 1:i + 4]) == 3:
				if int(raw[i + 1:i + 4]) > 255:
					raise ValueError("broken escape in a string")
				octets.append(int(raw[i + 1:i + 4]))
				i += 4
			elif raw[i] == 0x5C and i + 1 < len(raw):
				octets.append(raw[i + 1])
				i += 2
			else:
				octets.append(raw[i])
				i += 1
		if len(octets) > 255:
			raise ValueError("a string of %d octets; a TXT string holds at most 255" % len(octets))
		out.append(bytes(octets))
	return out


def wire_name(text):
	return b"".join(bytes([len(one)]) + one for one in labels(text)) + b"\0"


def _number(word, bits):
	if not word.isdigit() or int(word) >= 1 << bits:
		raise ValueError("%r is not a number from 0 to %d" % (word, (1 << bits) - 1))
	return int(word).to_bytes(bits // 8, "big")


def _need(words, count, what):
	if len(words) != count:
		raise ValueError("%d words where %s belongs" % (len(words), what))


def rdata_wire(type_text, rdata):
	"""RDATA in wire format (names uncompressed); raises ValueError with what would be right."""
	words = _split(rdata)
	if words[:1] == ["\\#"]:
		data = bytes.fromhex("".join(words[2:]))
		if len(words) < 2 or words[1] != str(len(data)):
			raise ValueError("\\# is followed by the number of octets and that many octets in hex")
		return data
	kind = type_text.upper()
	if kind in ("A", "AAAA"):
		_need(words, 1, "an address")
		return (ipaddress.IPv4Address if kind == "A" else ipaddress.IPv6Address)(words[0]).packed
	if kind in ("NS", "CNAME", "PTR"):
		_need(words, 1, "a name")
		return wire_name(words[0])
	if kind == "MX":
		_need(words, 2, "a preference and a name")
		return _number(words[0], 16) + wire_name(words[1])
	if kind == "SRV":
		_need(words, 4, "priority, weight, port and a name")
		return b"".join(_number(w, 16) for w in words[:3]) + wire_name(words[3])
	if kind == "SOA":
		_need(words, 7, "mname, rname, serial, refresh, retry, expire and minimum")
		return wire_name(words[0]) + wire_name(words[1]) + b"".join(_number(w, 32) for w in words[2:])
	if kind in ("TXT", "SPF"):
		if not words:
			raise ValueError("at least one string belongs here")
		return b"".join(bytes([len(one)]) + one for one in strings(rdata))
	if kind == "DS":
		return _number(words[0], 16) + _number(words[1], 8) + _number(words[2], 8) + bytes.fromhex("".join(words[3:]))
	if kind == "DNSKEY":
		return (_number(words[0], 16) + _number(words[1], 8) + _number(words[2], 8) +
		        base64.b64decode("".join(words[3:])))
	raise ValueError("type %s is only known in the form \\# octets hex" % kind)


def _fault(name, kind, words):
	fault, eq, arg = words[0][1:].partition("=")
	fault = fault.lower()
	if len(words) != 1:
		raise ValueError("%r is too much on this line" % words[1])
	if fault not in FAULTS:
		raise ValueError("unknown fault !%s; known are %s" % (fault, ", ".join("!" + f for f in sorted(FAULTS))))
	takes = FAULTS[fault]
	if takes == "no" and eq or takes == "must" and not arg or eq and not arg.isdigit():
		raise ValueError("!%s %s" % (fault, "takes no argument" if takes == "no" else "needs a number: !%s=1500" % fault))
	return Fault(name, kind, fault, arg)


def _entry(name, words, ttl_s):
	"""The Record or Fault that stands behind a name."""
	words = list(words)
	while words and (words[0].isdigit() or words[0].upper() == "IN"):
		ttl_s = int(words[0]) if words[0].isdigit() else ttl_s
		words.pop(0)
	if not words or words[0] != "*" and type_number(words[0]) is None:
		raise ValueError("a type such as A, MX or TXT belongs where %r stands" % (words[0] if words else "the line's end"))
	kind = words.pop(0).upper()
	if words and words[0].startswith("!"):
		return _fault(name, kind, words)
	if kind == "*":
		raise ValueError("after the type * a fault belongs, such as !timeout")
	rdata = " ".join(words)
	rdata_wire(kind, rdata)
	return Record(name, ttl_s, kind, rdata)


def _check_cname(zone):
	"""RFC 2181 10.1: a name with a CNAME has nothing else."""
	seen = {}
	for record in zone.records:
		other = seen.setdefault(record.name, record)
		if other is not record and "CNAME" in (other.type, record.type):
			raise _LineError(record.line, "a name with a CNAME can have no other record (line %d)" % other.line)


def _read(zone, text):
	ttl_s, name = DEFAULT_TTL_S, None
	for number, blank, words in _entries(text):
		try:
			if blank and name is None:
				raise ValueError("a line that begins with a blank continues the name before it, but there is none")
			if not blank:
				word = words.pop(0)
				if word.upper() == "$TTL" and len(words) == 1 and words[0].isdigit():
					ttl_s = int(words[0])
					continue
				if word.startswith("$") or word == "@":
					raise ValueError("%s is not known here; $TTL seconds is, and names are absolute" % word)
				name = text_of(labels(word))
			made = _entry(name, words, ttl_s)
		except (ValueError, IndexError) as error:
			raise _LineError(number, str(error)) from None
		made.line = number
		if isinstance(made, Fault) and any(made[:2] == other[:2] for other in zone.faults):
			raise _LineError(number, "this name and type have a fault already")
		(zone.faults if isinstance(made, Fault) else zone.records).append(made)
	_check_cname(zone)


def parse(text, filename="zone"):
	"""Read a whole file; returns a Zone or raises ZoneError for the first line that is wrong."""
	zone = Zone(filename)
	try:
		_read(zone, text)
	except _LineError as error:
		raise ZoneError("%s:%d: %s" % (filename, error.line, error)) from None
	return zone


def read(path):
	with open(path, encoding="utf-8") as file:
		return parse(file.read(), path)
