# SPDX-License-Identifier: BSD-2-Clause
"""delivery - what a message looks like after the filter's changes, with Postfix's numbering of header fields or
Sendmail's.

Postfix numbers the fields anew after each deletion. Sendmail keeps the numbers: a deleted field still counts. Position
0 is above the MTA's own Received field, which the filter has not seen but which is there.
"""
from dataclasses import dataclass, field

from smfi import Reply

RECEIVED = "from client (client [203.0.113.1]) by mx.example.org; Fri, 20 Nov 2026 10:00:00 +0000"


@dataclass
class Delivered:
	"""The outcome of a message. `fields` are (name, value) texts as stored: with the MTA's Received, values as after
	the colon."""
	reply: Reply
	headers: list
	body: bytes
	fields: list = field(default_factory=list)
	quarantined: str = ""
	recipients: list = field(default_factory=list)
	trouble: list = field(default_factory=list)

	@property
	def accepted(self):
		"""Did the MTA take the message?"""
		return self.reply.kind in ("continue", "accept")

	def values(self, name):
		"""The values of every field of that name, folding undone, outer blanks gone."""
		return [" ".join(value.split()) for found, value in self.fields if found.lower() == name.lower()]


def _text(value):
	return value.decode("latin-1") if isinstance(value, bytes) else value


def apply(reply, headers, body, renumbers=True, leadspc=True):
	"""Carry out the reply's modifications. What an MTA would choke on goes to `trouble`."""
	fields = [["Received", " " + RECEIVED, True]] + [[_text(name), _text(value), True] for name, value in headers]
	delivered = Delivered(reply, headers, body)
	for change in reply.modifications:
		name, value = _text(change.name), _text(change.value)
		if change.kind == "quarantine":
			delivered.quarantined = value
		elif change.kind in ("addheader", "insheader"):
			delivered.trouble += _complaints(name, value, leadspc)
			entry = [name, value if leadspc else " " + value, True]
			at = _insert_at(fields, change.index, renumbers) if change.kind == "insheader" else len(fields)
			fields.insert(at, entry)
		elif change.kind == "chgheader":
			_change(fields, name, value, change.index, renumbers, delivered)
		else:
			delivered.trouble.append(f"unexpected change {change.kind} {value!r}")
	delivered.fields = [(name, value) for name, value, alive in fields if alive]
	return delivered


def _insert_at(fields, index, renumbers):
	alive = [number for number, (_name, _value, there) in enumerate(fields) if there or not renumbers]
	return alive[index] if index < len(alive) else len(fields)


def _change(fields, name, value, index, renumbers, delivered):
	count = 0
	for entry in fields[1:] if fields[0][0] == "Received" else fields:
		if entry[0].lower() != name.lower() or (renumbers and not entry[2]):
			continue
		count += 1
		if count == max(index, 1):
			if not entry[2]:
				delivered.trouble.append(f"{name} number {index} deleted twice")
			if value:
				entry[1] = value
			else:
				entry[2] = False
			return
	delivered.trouble.append(f"there is no {name} number {index} to change")


def _complaints(name, value, leadspc):
	found = []
	if "\r" in value:
		found.append(f"{name} contains CR: {value!r}")
	if any(c != "\n" and c != "\t" and not " " <= c <= "~" for c in value):
		found.append(f"{name} is not printable ASCII: {value!r}")
	for line in value.split("\n")[1:]:
		if line[:1] not in (" ", "\t"):
			found.append(f"{name} has a line that does not continue it: {value!r}")
		elif not line.strip():
			found.append(f"{name} has an empty continuation line: {value!r}")
	if leadspc and not value.startswith(" "):
		found.append(f"{name} has no leading space although HDR_LEADSPC is on: {value!r}")
	if not leadspc and value.startswith(" "):
		found.append(f"{name} has a leading space of its own: {value!r}")
	return found
