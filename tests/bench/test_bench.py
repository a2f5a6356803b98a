# SPDX-License-Identifier: BSD-2-Clause
"""test_bench - what can be wrong with the bench on any machine: its sums, its tables, and the mail that it measures with.

    MAILREEVE_CHECK=build/mailreeve-check python3 tests/bench/test_bench.py [-v] [part of a name ...]
"""
import json
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", name) for name in ("lab", "milter", "tools")]

import figures  # noqa: E402  (after the path)
import peers  # noqa: E402
import world  # noqa: E402
from dkim_signer import Key  # noqa: E402
from runner import run_tests  # noqa: E402

CHECK = os.path.abspath(os.environ.get("MAILREEVE_CHECK", "mailreeve-check"))
DAEMON = os.path.abspath(os.environ.get("MAILREEVE", "mailreeve"))
PATIENCE_S = 60


def test_ratio():
	"""By rounds: a machine that becomes half as fast in mid-run changes nothing."""
	assert figures.ratio([10, 20, 20], [20, 40, 40]) == 0.5
	assert figures.ratio([], []) is None and figures.ratio([1], [0]) is None
	assert figures.median([3, None, 1, 2]) == 2 and figures.median([None]) is None


def test_verdict():
	most = figures.Target("a", "a", "x", 2.0, 1.0)
	least = figures.Target("b", "b", "x", 0.5, 0.7, False)
	assert [figures.verdict(most, value) for value in (1.0, 1.01, 2.0, 2.01, None)] == [
		"met", "must only", "must only", "MISSED", "not measured"]
	assert [figures.verdict(least, value) for value in (0.7, 0.69, 0.5, 0.49)] == ["met", "must only", "must only", "MISSED"]


def test_targets():
	"""Every target has a line, whether or not it was measured."""
	lines = figures.target_lines({"base": 7.0, "many": 3})
	assert len(lines) == len(figures.TARGETS) + 1
	assert sum("not measured" in line for line in lines) == len(figures.TARGETS) - 2
	assert next(line for line in lines if "base memory" in line).split()[-1] == "met"
	assert next(line for line in lines if "4,000" in line).split()[-1] == "MISSED"
	assert len({target.key for target in figures.TARGETS}) == len(figures.TARGETS)


def test_plot():
	"""It is XML whatever the names are, and shows every value."""
	plot = figures.svg([("a < b & c", "us", [("mailreeve", 12.0), ("no<op", 3.0), ("none", None)]), ("empty", "", [])])
	rectangles = xml.dom.minidom.parseString(plot).getElementsByTagName("rect")
	assert len(rectangles) == 3, "one for the ground and two bars"
	widths = [float(rectangle.getAttribute("width")) for rectangle in rectangles[1:]]
	assert abs(widths[0] / widths[1] - 4) < 0.1, widths


def check_mail(directory, octets):
	"""mailreeve-check's opinion about a message of the bench, in the bench's zone."""
	key = Key()
	zone, path = os.path.join(directory, "zone"), os.path.join(directory, "message")
	text = world.zone(key, 2, 1).replace("$TTL 86400\n", "")
	with open(zone, "w", encoding="ascii") as file:
		file.write("\n".join(line for line in text.split("\n") if not line.startswith(". ")))
	message = world.message(key, 1, octets)
	with open(path, "wb") as file:
		file.write(message)
	done = subprocess.run([CHECK, "--dkim", "--message", path, "--zone", zone, "--now", "1783332001", "--ip", world.address(1),
		"--helo", "c1.clients.example", "--from", f"alice@{world.domain(1)}", "--json"], capture_output=True, text=True,
		timeout=PATIENCE_S, check=False)
	assert done.returncode == 0, done.stderr + done.stdout
	return message, json.loads(done.stdout)


def test_mail():
	"""What everybody is measured with is what it is said to be: 14 fields, of its size, and it passes."""
	with tempfile.TemporaryDirectory() as directory:
		for octets in (4200, 65536):
			message, said = check_mail(directory, octets)
			text = json.dumps(said)
			assert len(message.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b"").replace(b"\r\n ", b"").split(b"\r\n")) == 14
			assert abs(len(message) - octets) < octets / 10, len(message)
			assert '"pass"' in text and '"fail"' not in text and "error" not in text, text


def test_clients():
	assert len({world.address(number) for number in range(world.CLIENTS)}) == world.CLIENTS
	assert world.address(world.LISTED) not in {world.address(number) for number in range(world.CLIENTS)}


def test_configuration():
	"""What mailreeve is told is what it understands, with any number of lists."""
	shipped = os.path.join(HERE, "..", "..", "conf", "mailreeve.conf")
	with tempfile.TemporaryDirectory() as directory:
		for options, lists in ((None, 3), (None, 0), (None, 100), ([], None)):
			one = peers.mailreeve(directory, DAEMON, shipped, options, lists=lists)
			done = subprocess.run([*one.command, "-n"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
			assert done.returncode == 0, f"{lists} lists: {done.stderr}"


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
