# SPDX-License-Identifier: BSD-2-Clause
"""prometheus - reads Prometheus' text format (version 0.0.4) as strictly as its rules and its advice on names allow.

    page = parse(text)
    page["mailreeve_verdicts_total"].samples[("mailreeve_verdicts_total", (("action", "reject"), ("stage", "rcpt")))]
    value(page, "mailreeve_verdicts_total", stage="rcpt", action="reject")
"""
import math
import re
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}
# Base units only: seconds and bytes, whole.
_WRONG_UNITS = re.compile(r"_(ms|us|ns|milliseconds|microseconds|minutes|hours|kb|kib|kilobytes|octets|percent)(_|$)")
_RESERVED = ("_total", "_sum", "_count", "_bucket", "_info")


class FormatError(ValueError):
	"""The text is not what the format, or the advice on names, wants."""


@dataclass
class Family:
	"""One metric. `samples` maps (name, sorted label pairs) to a number."""
	name: str
	kind: str = ""
	help: str = ""
	samples: dict = field(default_factory=dict)


def _want(condition, what, line):
	if not condition:
		raise FormatError(f"{what}: {line!r}")


def _label_value(text, at, line):
	"""The value that begins behind the opening quote at `at`, and the position behind the closing one."""
	value = ""
	while True:
		_want(at < len(text), "a label's value does not end", line)
		octet = text[at]
		if octet == '"':
			return value, at + 1
		if octet == "\\":
			_want(at + 1 < len(text) and text[at + 1] in _ESCAPES, "unknown escape", line)
			value += _ESCAPES[text[at + 1]]
			at += 2
			continue
		value += octet
		at += 1


def _labels(text, line):
	"""Label pairs of "{...}", and what follows."""
	pairs, at = [], 1
	while text[at:at + 1] != "}":
		match = _LABEL.match(text, at)
		_want(match and not match[0].startswith("__"), "no label name", line)
		at = match.end()
		_want(text[at:at + 2] == '="', 'no ="', line)
		value, at = _label_value(text, at + 2, line)
		pairs.append((match[0], value))
		if text[at:at + 1] == ",":
			at += 1
			_want(text[at:at + 1] != "}", "a comma before }", line)
		else:
			_want(text[at:at + 1] == "}", "neither , nor }", line)
	_want(pairs, "empty braces", line)
	_want(len({name for name, _value in pairs}) == len(pairs), "a label twice", line)
	return tuple(sorted(pairs)), text[at + 1:]


def _sample(line):
	match = _METRIC.match(line)
	_want(match, "no metric name", line)
	labels, rest = (), line[match.end():]
	if rest.startswith("{"):
		labels, rest = _labels(rest, line)
	_want(re.fullmatch(r" [0-9]+(\.[0-9]+)?", rest), "no plain number behind one space", line)
	return match[0], labels, float(rest)


def _begin(families, line):
	match = re.fullmatch(r"# HELP (\S+) (\S.*)", line)
	_want(match, "a metric begins with HELP", line)
	_want(match[1] not in families, "a metric that comes twice", line)
	families[match[1]] = Family(match[1], help=match[2])
	return families[match[1]]


def _set_type(family, line):
	match = re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram)", line)
	_want(match and family and match[1] == family.name and not family.kind and not family.samples,
			"TYPE stands behind its HELP, once", line)
	family.kind = match[2]


def _add(family, line):
	name, labels, number = _sample(line)
	_want(family is not None and family.kind, "a sample before HELP and TYPE", line)
	allowed = [family.name + part for part in ("_bucket", "_sum", "_count")] if family.kind == "histogram" else \
		[family.name]
	_want(name in allowed, f"a sample of another metric among those of {family.name}", line)
	_want((name, labels) not in family.samples, "a sample that comes twice", line)
	family.samples[name, labels] = number


def parse(text):
	"""{name: Family}; FormatError says what is wrong."""
	_want(text.endswith("\n"), "the last line does not end", text[-80:])
	families, family = {}, None
	for line in text[:-1].split("\n"):
		if line.startswith("# HELP "):
			family = _begin(families, line)
		elif line.startswith("#"):
			_set_type(family, line)
		else:
			_add(family, line)
	for family in families.values():
		_check_family(family)
	return families


def _check_family(family):
	name = family.name
	_want(_METRIC.fullmatch(name) and ":" not in name, "not a name for a program's metric", name)
	_want(name == name.lower() and not _WRONG_UNITS.search(name), "not in base units, or not in lower case", name)
	_want(family.samples, "no samples", name)
	_want((family.kind == "counter") == name.endswith("_total"), "counters, and only they, end in _total", name)
	if family.kind == "histogram":
		_want(name.endswith(("_seconds", "_bytes")), "a histogram of no base unit", name)
		_check_histogram(family)
	elif family.kind == "gauge":
		_want(not name.endswith(_RESERVED[:4]), "a gauge with the ending of something else", name)
	_want(len({tuple(label for label, _value in labels if label != "le") for _name, labels in family.samples}) == 1,
			"samples with different labels", name)
	_want(family.kind == "histogram" or not any(label == "le" for _name, labels in family.samples
			for label, _value in labels), "le belongs to histograms", name)


def _check_histogram(family):
	series = {}
	for (name, labels), number in family.samples.items():
		rest = tuple(pair for pair in labels if pair[0] != "le")
		one = series.setdefault(rest, {"buckets": []})
		if name.endswith("_bucket"):
			one["buckets"].append((dict(labels).get("le"), number))
		else:
			_want(rest == labels, "le outside a bucket", name)
			one[name.rpartition("_")[2]] = number
	for labels, one in series.items():
		where = f"{family.name} {labels}"
		_want(set(one) == {"buckets", "sum", "count"}, "a histogram has buckets, _sum and _count", where)
		_want(all(bound is not None for bound, _number in one["buckets"]), "a bucket without le", where)
		bounds = [math.inf if bound == "+Inf" else float(bound) for bound, _number in one["buckets"]]
		numbers = [number for _bound, number in one["buckets"]]
		_want(bounds == sorted(set(bounds)) and bounds[-1] == math.inf, "bounds rise to +Inf", where)
		_want(numbers == sorted(numbers) and numbers[-1] == one["count"], "buckets add up to _count", where)


def value(page, name, **labels):
	"""One sample; KeyError when there is none. Histograms by the name of their part."""
	family = page.get(name) or page[re.sub(r"_(bucket|sum|count)$", "", name)]
	return family.samples[name, tuple(sorted(labels.items()))]


def total(page, name):
	"""The sum over all labels."""
	return sum(page[name].samples.values())


def monotone(before, after):
	"""What has sunk between two pages though it may not: counters, and the parts of histograms."""
	return [(key, number, after[name].samples.get(key)) for name, family in before.items() if family.kind != "gauge"
			for key, number in family.samples.items()
			if name not in after or after[name].samples.get(key, -1) < number]
