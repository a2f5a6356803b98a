# SPDX-License-Identifier: BSD-2-Clause
"""logline - reads mailreeve's log lines (the form is described in mailreeve(8), READING A VERDICT).

    QUEUEID: sid=k3x9 v=1 action=reject stage=rcpt score=9.2 threshold=8 decided_by=score client=host[192.0.2.1]
    helo=<x> from=<a> to=<b> facts="dnsbl.zen.xbl=4.0(127.0.0.4) spf.fail=2.0" unsure="dbl(timeout)" ms=412 cfg=9ab1

Strict on purpose: a key that comes twice, an octet that is not printable ASCII or a quote that never ends is reported,
because that is how a hostile HELO would show.
"""
import re
from dataclasses import dataclass, field

KEYS = ("sid", "v", "action", "would", "stage", "score", "threshold", "decided_by", "client", "helo", "from", "to",
		"nrcpt", "auth", "facts", "unsure", "cancelled", "groups", "ms", "cfg")
_START = re.compile(r"(?P<queue>[A-Za-z0-9]+): (?P<rest>sid=.*)$")
_KEY = re.compile(r"(?P<key>[a-z_]+)=")


class LogLineError(ValueError):
	"""The line claims to be a verdict, but does not have the form."""


@dataclass
class LogLine:
	"""One verdict. `fields` holds the values with quotes taken off; `order` the keys as they came."""
	raw: str
	queue_id: str
	fields: dict = field(default_factory=dict)
	order: list = field(default_factory=list)

	def __getitem__(self, key):
		return self.fields[key]

	def get(self, key, default=None):
		"""The value of a key, or the default."""
		return self.fields.get(key, default)

	@property
	def facts(self):
		"""{"rdns.none": (3.0, "detail")} of facts=; the points are None where the line shows none."""
		return {name: (points, detail) for name, points, detail in split_facts(self.fields.get("facts", ""))}

	@property
	def unsure(self):
		"""{"dbl": "timeout"} of unsure=."""
		return {name: detail for name, _points, detail in split_facts(self.fields.get("unsure", ""))}


def split_facts(text):
	"""Take "a.b=4.0(detail) c.d=2.0 e(timeout)" apart into (name, points or None, detail)."""
	found = []
	for match in re.finditer(r"(?P<name>[A-Za-z0-9_.-]+)(=(?P<points>-?[0-9.]+))?(\((?P<detail>[^()]*)\))?(?: |$)",
			text):
		points = match["points"]
		found.append((match["name"], float(points) if points else None, match["detail"] or ""))
	return found


def _value(text, position):
	"""The value that starts at `position`: quoted, in angle brackets, or up to the next space."""
	if text[position:position + 1] == '"':
		end = position + 1
		while end < len(text) and text[end] != '"':
			end += 2 if text[end] == "\\" else 1
		if end >= len(text):
			raise LogLineError("a quoted value never ends")
		return text[position + 1:end], end + 1
	end = position
	while end < len(text) and text[end] != " ":
		end += 1
	return text[position:end], end


def parse_log_line(line):
	"""A LogLine, or None when the line is no verdict. Raises LogLineError when it is one, but malformed."""
	match = _START.search(line)
	if not match:
		return None
	bad = [c for c in line if not " " <= c <= "~"]
	if bad:
		raise LogLineError(f"octets that are not printable ASCII: {bad!r} in {line!r}")
	found = LogLine(raw=line, queue_id=match["queue"])
	rest, position = match["rest"], 0
	while position < len(rest):
		key = _KEY.match(rest, position)
		if not key:
			raise LogLineError(f"no key=value at {rest[position:position + 40]!r} in {line!r}")
		name = key["key"]
		if name in found.fields:
			raise LogLineError(f"{name}= comes twice in {line!r}")
		if name not in KEYS:
			raise LogLineError(f"unknown key {name}= in {line!r}")
		found.fields[name], position = _value(rest, key.end())
		found.order.append(name)
		if position < len(rest):
			if rest[position] != " ":
				raise LogLineError(f"no space after {name}= in {line!r}")
			position += 1
	return found
