# SPDX-License-Identifier: BSD-2-Clause
"""figures - the bench's figures: medians and ratios, the targets, tables and a plot. No I/O but show()."""
import statistics
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass
class Target:
	"""A figure that the project wants to reach. `most`: it may be at most that much; else at least."""
	key: str
	what: str
	unit: str
	must: float
	want: float
	most: bool = True


TARGETS = [
	Target("cpu_rspamd", "CPU a message, warm, against rspamd with three modules and nothing else", "x", 0.45, 0.24),
	Target("cpu_rspamd_stock", "CPU a message, warm, against rspamd as packaged, other modules off", "x", 0.45, 0.24),
	Target("cpu_opendkim", "CPU a message, warm, against OpenDKIM verify-only", "x", 0.35, 0.19),
	Target("speed_noop", "messages/s against the filter that does nothing", "x", 0.45, 0.70, False),
	Target("chain", "extra CPU over Postfix alone, against the chain of four programs", "x", 0.12, 0.07),
	Target("cold_p50", "wait, cold DNS 20 ms, SMTP round trip 10 ms, p50", "round trips", 1.1, 1.0),
	Target("cold_p99", "wait, cold DNS 20 ms, SMTP round trip 10 ms, p99", "round trips", 1.4, 1.2),
	Target("cold0_p50", "wait, cold DNS 20 ms, SMTP round trip 0, p50", "round trips", 2.2, 2.0),
	Target("warm_p99", "wait, warm, 100 messages/s, against the filter that does nothing, p99", "x", 4, 2),
	Target("parallel_p99", "64 sessions at once that all wait 1 s, p99", "s", 1.2, 1.05),
	Target("idle_connect", "memory of an idle connection at CONNECT", "kB", 2, 1.0),
	Target("idle_rcpt", "memory of an idle connection at RCPT", "kB", 4, 1.5),
	Target("base", "base memory (PSS), the shipped configuration", "MB", 16, 8),
	Target("dkim_small", "DKIM: 4 KB, RSA-2048, against SHA-256 and RSA verify", "x", 2.0, 1.4),
	Target("dkim_large", "DKIM: 10 MB relaxed body, against SHA-256's speed", "x", 0.60, 0.75, False),
	Target("ten", "SPF, ten includes side by side at 20 ms", "round trips", 2.3, 2.0),
	Target("many", "errors at 4,000 connections", "", 0, 0),
]


def median(values):
	"""The median; None of nothing."""
	values = [value for value in values if value is not None]
	return statistics.median(values) if values else None


def ratio(ours, theirs):
	"""The median of the rounds' ratios: what else the machine does hits both sides of a round."""
	return median([a / b for a, b in zip(ours, theirs) if b])


def verdict(target, value):
	"""met, must (but not what we want), or missed; not measured."""
	if value is None:
		return "not measured"
	good = (lambda limit: value <= limit) if target.most else (lambda limit: value >= limit)
	return "met" if good(target.want) else "must only" if good(target.must) else "MISSED"


def number(value):
	"""For a table: three digits that say something."""
	if value is None:
		return "-"
	if isinstance(value, str):
		return value
	if value == int(value) and abs(value) < 1e6:
		return str(int(value))
	return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head, rows):
	"""Lines of a table in columns; the first column to the left, the others to the right."""
	cells = [[number(cell) for cell in row] for row in [head, *rows]]
	widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
	return ["  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
		for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in cells]


def target_lines(values):
	"""A line for each target: what, measured, must, want, verdict."""
	sign = {True: "<=", False: ">="}
	rows = [[target.what, f"{number(values.get(target.key))} {target.unit}".strip(),
		f"{sign[target.most]} {number(target.must)}", f"{sign[target.most]} {number(target.want)}",
		verdict(target, values.get(target.key))] for target in TARGETS]
	return table(["target", "measured", "must", "want", ""], rows)


# ---- the plot

BAR, GAP, LEFT, WIDTH, HEAD = 18, 6, 190, 860, 34
COLOURS = {"mailreeve": "#2a6f97", "noop": "#8d99ae", "opendkim": "#b56576", "rspamd": "#e09f3e"}


def _bars(title, unit, bars, top):
	"""One group of bars from `top` down; (lines of SVG, where it ends)."""
	most = max((value for _name, value in bars), default=0) or 1
	out = [f'<text x="10" y="{top + 20}" font-weight="bold">{escape(title)}</text>']
	y = top + HEAD
	for name, value in bars:
		length = (WIDTH - LEFT - 110) * value / most
		colour = next((COLOURS[word] for word in COLOURS if name.startswith(word)), "#6c757d")
		out += [f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
			f'<rect x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" fill="{colour}"/>',
			f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{number(value)} {escape(unit)}</text>']
		y += BAR + GAP
	return out, y + 10


def svg(groups):
	"""A plot of groups (title, unit, [(name, value)])."""
	out, y = [], 6
	for title, unit, bars in groups:
		lines, y = _bars(title, unit, [(name, value) for name, value in bars if value is not None], y)
		out += lines
	return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" '
		'font-size="13">', f'<rect width="{WIDTH}" height="{y}" fill="white"/>', *out, "</svg>", ""])
