# SPDX-License-Identifier: BSD-2-Clause
"""suite - reads suites of SPF cases and makes a zone file of the project's own format for each.

Two kinds of YAML files are understood; a file may hold several documents. The public one, of RFC 4408 and RFC 7208:

    description: TEXT
    tests: { NAME: { spec, host, helo, mailfrom, result, explanation } }
    zonedata: { NAME: [ { TYPE: DATA }, TIMEOUT ] }   SPF entries stand for TXT unless there is a TXT entry (or NONE)

And ours, with `zone:` (text of a zone file: design.md, "Zone files") instead of `zonedata:`, and in its cases

    spec: "4.6.4"               required: the section of RFC 7208 (or "RFC 8616 4")
    why: one sentence           required
    record: "v=spf1 -all"       TXT record of record.example.org, for this case alone; a list: several strings
    exp: "%{d2}"                the same, with "v=spf1 -all exp=exp.record.example.org" and this text there
    host, helo, mailfrom        default 192.0.2.1, mail.example.org, alice@record.example.org
    receiver, identity, scope   default: not given
    result                      a list where the RFC leaves it open
    explanation                 exactly; null: any; without it a fail has none
    mechanism                   what matched
    problem                     a regular expression over the words for the domain's owner
    lookups, void_lookups       numbers of terms and of void look-ups used
    queries                     number of DNS questions

In every text of ours [[COUNT|TEXT]] is TEXT repeated; after a second bar {n} counts in it: [[3|| a{n}]] is " a1 a2 a3",
{n:x} in hexadecimal digits. TXT strings may be longer than 255 octets: they are split. \\xHH in YAML is one octet of a
record, and a character of a sender or a HELO name.
"""
import os
import re
from dataclasses import dataclass, field

import yaml

HOST, HELO, MAIL_FROM = "192.0.2.1", "mail.example.org", "alice@record.example.org"
RECORD_NAME, EXP_NAME = "record.example.org", "exp.record.example.org"
RESULTS = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
TYPES = ("A", "AAAA", "PTR", "MX", "TXT", "NS", "CNAME", "SOA")
EXPECTED = ("mechanism", "problem", "lookups", "void_lookups", "queries")
OUR_KEYS = {"spec", "why", "record", "exp", "host", "helo", "mailfrom", "identity", "receiver", "scope", "result",
            "explanation", *EXPECTED}
STRING_OCTETS_MAX = 255
TIMEOUT, NOTHING = "TIMEOUT", "NONE"
_REPEAT = re.compile(r"\[\[(\d+)\|(\|?)(.*?)\]\]", re.S)
_TXT_LINE = re.compile(r"^(\S+\s+(?:\d+\s+)?TXT\s+)(\".*)$")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_UNIT = re.compile(r"\\\d{3}|\\.|.", re.S)


class SuiteError(Exception):
	"""A suite that cannot be read; the text names file and case."""


@dataclass
class Case:
	"""One evaluation. `results`: any of them is right; `explanation` None: not looked at."""
	name: str
	spec: str
	zone: str
	host: str
	helo: str
	mail_from: str
	results: tuple
	receiver: str = ""
	identity: str = ""
	scope: str = ""
	explanation: str = None
	expected: dict = field(default_factory=dict)  # EXPECTED

	@property
	def waits(self):
		"""May it have to wait for a deadline?"""
		return "!timeout" in self.zone


def octets(text):
	"""A text of a YAML file: \\xHH is one octet; characters that are none are UTF-8."""
	return b"".join(bytes([ord(c)]) if ord(c) < 256 else c.encode("utf-8") for c in text)


def quoted(data):
	"""Octets as one or more quoted strings of a zone file."""
	pieces = [data[at:at + STRING_OCTETS_MAX] for at in range(0, len(data), STRING_OCTETS_MAX)] or [b""]
	def shown(piece):
		return "".join(chr(c) if 0x20 <= c < 0x7F and c not in b'"\\' else f"\\{c:03d}" for c in piece)
	return " ".join(f'"{shown(piece)}"' for piece in pieces)


# ---- the public format

def _zone_name(text):
	"""A name as a zone file has it, or None when no DNS message can carry it."""
	labels = octets(text.rstrip(".")).split(b".")
	if text.strip(".") == "":
		return "."
	if any(not 0 < len(label) < 64 for label in labels) or sum(len(label) + 1 for label in labels) > 254:
		return None
	def shown(label):
		return "".join(chr(c) if chr(c).isalnum() and c < 0x80 or c in b"-_*" else f"\\{c:03d}" for c in label)
	return ".".join(map(shown, labels))


def _rdata(kind, data):
	if kind == "TXT":
		texts = data if isinstance(data, list) else [data]
		return " ".join(quoted(octets(text)) for text in texts) or '""'
	if kind == "MX":
		return f"{data[0]} {_zone_name(data[1])}"
	return _zone_name(data) if kind in ("PTR", "CNAME", "NS") else data


def _zone_of_name(name, entries):
	"""The lines of one name."""
	pairs = [next(iter(entry.items())) for entry in entries if isinstance(entry, dict)]
	if not any(kind == "TXT" for kind, _data in pairs):
		pairs += [("TXT", data) for kind, data in pairs if kind == "SPF"]
	pairs = [(kind, data) for kind, data in pairs if kind != "SPF" and data != NOTHING]
	lines = [f"{name} {kind} {'!timeout' if data == TIMEOUT else _rdata(kind, data)}" for kind, data in pairs]
	if TIMEOUT in entries:
		answered = {kind for kind, _data in pairs}
		others = [kind for kind in TYPES if kind not in answered] if answered else ["*"]
		lines += [f"{name} {kind} !timeout" for kind in others]
	return lines


def public_zone(zonedata):
	"""The zone file of a zonedata: mapping."""
	lines = []
	for text, entries in zonedata.items():
		name = _zone_name(text)
		if name is not None:
			lines += _zone_of_name(name, entries)
	return "".join(line + "\n" for line in lines)


def _results(path, name, result):
	found = tuple(result) if isinstance(result, list) else (result,)
	if not found or any(one not in RESULTS for one in found):
		raise SuiteError(f"{path}: {name}: result must be among {', '.join(RESULTS)}: {result!r}")
	return found


def _public_cases(path, document):
	zone = public_zone(document["zonedata"])
	for name, entry in document["tests"].items():
		explanation = entry.get("explanation")
		yield Case(name, str(entry["spec"]), zone, entry["host"], entry["helo"], entry["mailfrom"] or "",
		           _results(path, name, entry["result"]),
		           explanation="" if explanation == "DEFAULT" else explanation)


# ---- ours

def repeated(text):
	"""[[COUNT|TEXT]] and [[COUNT||TEXT with {n}]] undone."""
	def undo(match):
		count, counted, piece = int(match[1]), match[2], match[3]
		if not counted:
			return piece * count
		return "".join(piece.replace("{n}", str(n)).replace("{n:x}", f"{n:x}") for n in range(1, count + 1))
	return _REPEAT.sub(undo, text)


def _split_strings(line):
	"""A TXT line whose strings fit."""
	match = _TXT_LINE.match(line)
	if not match:
		return line
	strings = []
	for string in _STRING.findall(match[2]):
		units = _UNIT.findall(string)
		pieces = range(0, len(units), STRING_OCTETS_MAX)
		strings += ["".join(units[at:at + STRING_OCTETS_MAX]) for at in pieces] or [""]
	return match[1] + " ".join(f'"{string}"' for string in strings)


def our_zone(text):
	"""The zone file of a zone: text."""
	return "".join(_split_strings(line) + "\n" for line in repeated(text).split("\n"))


def _case_zone(entry):
	"""What record: and exp: stand for."""
	if "exp" in entry:
		return (f'{RECORD_NAME} TXT "v=spf1 -all exp={EXP_NAME}"\n'
		        f"{EXP_NAME} TXT {quoted(octets(repeated(entry['exp'])))}\n")
	if "record" not in entry:
		return ""
	strings = entry["record"] if isinstance(entry["record"], list) else [entry["record"]]
	return f"{RECORD_NAME} TXT {' '.join(quoted(octets(repeated(text))) for text in strings)}\n"


def _our_explanation(entry):
	text = entry.get("explanation", "")
	return None if text is None else repeated(text)


def _our_cases(path, document):
	zone = our_zone(document.get("zone") or "")
	for name, entry in document["tests"].items():
		unknown = set(entry) - OUR_KEYS
		if unknown or not {"spec", "why", "result"} <= set(entry):
			wanted = f"spec, why and result must be there; not known: {sorted(unknown)}"
			raise SuiteError(f"{path}: {name}: {wanted}")
		results = _results(path, name, entry["result"])
		yield Case(name, str(entry["spec"]), zone + _case_zone(entry), entry.get("host", HOST),
		           repeated(entry.get("helo", HELO)), repeated(entry.get("mailfrom", MAIL_FROM)), results,
		           receiver=entry.get("receiver", ""), identity=entry.get("identity", ""), scope=entry.get("scope", ""),
		           explanation=_our_explanation(entry),
		           expected={key: entry[key] for key in EXPECTED if key in entry})


def read_suite(path):
	"""The cases of a file, in its order. Raises SuiteError."""
	with open(path, encoding="utf-8") as file:
		documents = list(yaml.load_all(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
	cases = []
	for document in documents:
		cases += (_public_cases if "zonedata" in document else _our_cases)(os.path.basename(path), document)
	names = [case.name for case in cases]
	twice = sorted({name for name in names if names.count(name) > 1})
	if twice:
		raise SuiteError(f"{path}: twice: {', '.join(twice)}")
	return cases


def override(cases, table, path):
	"""Hold cases to the newer RFC. `table`: name -> { result, why }. A name that is not there is an error."""
	by_name = {case.name: case for case in cases}
	for name, entry in table.items():
		if name not in by_name:
			raise SuiteError(f"{path}: {name}: there is no such case")
		by_name[name].results = _results(path, name, entry["result"])
