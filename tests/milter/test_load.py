# SPDX-License-Identifier: BSD-2-Clause
"""test_load - the load generator and mailreeve: every message is one verdict on both sides, and no word of the protocol is
wrong. And filters of our own that break it: the generator must see that.

    MAILREEVE=build/mailreeve MAILREEVE_LOAD=build/mailreeve-load python3 tests/milter/test_load.py [-v] [part of a name ...]

This is the bench's smoke test, too: nothing in it depends on how fast the machine is.
"""
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import smfi
from daemon import Daemon
from runner import run_tests

PATIENCE_S = 120
CLIENTS = "198.51.100.7 named.example.net\n2001:db8::9 unknown bare.example.net <>\n203.0.113.77\n"
ZONE = "7.100.51.198.in-addr.arpa PTR named.example.net\nnamed.example.net A 198.51.100.7\n"
REFUSE_NAMELESS = ["rdns.points.none=10.0", "policy.groups=()", "policy.rules=()"]
MESSAGE = "From: Alice <alice@example.net>\nSubject: hello\n\tagain\n\n" + "line\n" * 2000


def load(where, *arguments, status=0):
	"""Run the generator; its figures."""
	program = os.environ.get("MAILREEVE_LOAD", "mailreeve-load")
	done = subprocess.run([os.path.abspath(program), "--socket", where, "--json", "-", *arguments], capture_output=True,
			text=True, timeout=PATIENCE_S, check=False)
	assert done.returncode == status, f"exit status {done.returncode}: {done.stderr}{done.stdout}"
	return json.loads(done.stdout) if done.stdout else done.stderr


def check_good(figures, messages):
	"""No errors, and as many messages as wanted, each of them one verdict."""
	assert figures["messages"] == messages, figures
	assert figures["adds_up"] and sum(figures["outcomes"].values()) == messages, figures
	assert not any(number for number in figures["errors"].values()), figures["errors"]


# ---- mailreeve

def test_smoke():
	"""A second of it: what the generator counts is what the daemon logs."""
	with Daemon() as daemon:
		figures = load(daemon.socket, "--seconds", "1", "--connections", "8", "--pid", str(daemon.pid))
		check_good(figures, figures["messages"])
		assert figures["outcomes"]["accepted"] == figures["messages"] > 0, figures["outcomes"]
		assert len(daemon.wait_verdicts(figures["messages"])) == figures["messages"]
		assert figures["ms"]["wait"]["n"] == figures["messages"]
		assert figures["ms"]["wait"]["p50"] >= figures["ms"]["eom"]["p50"] > 0
		assert figures["daemon"]["last"]["processes"] == 2 and figures["daemon"]["cpu_us_per_message"] > 0
		return f"{figures['messages']} messages"


def test_schedule():
	"""50 messages at 200 a second are 50 messages, with a round trip of 2 ms or without."""
	with Daemon() as daemon:
		for more in ([], ["--smtp-rtt-ms", "2"], ["--smtp-rtt-ms", "2", "--pipelining", "--recipients", "3"]):
			figures = load(daemon.socket, "--rate", "200", "--messages", "50", "--connections", "16", *more)
			check_good(figures, 50)
			assert figures["seconds"] >= 49 / 200, "faster than the schedule"


def test_lists():
	"""Clients and messages from files, several messages a session, a body in small pieces: what the filter saw."""
	with Daemon(REFUSE_NAMELESS, ZONE) as daemon:
		figures = load(daemon.socket, "--clients", daemon.write("clients", CLIENTS), "--message",
				daemon.write("message", MESSAGE), "--messages", "30", "--connections", "1", "--body-piece", "100",
				"--recipients", "2")
		check_good(figures, 30)
		assert figures["outcomes_by_stage"] == {"eom.accepted": 10, "rcpt.rejected": 20}, figures["outcomes_by_stage"]
		assert figures["recipients"] == 60 and figures["recipients_refused"] == 40, figures
		clients = {line.fields["client"] for line in daemon.wait_verdicts(30)}
		assert clients == {"named.example.net[198.51.100.7]", "unknown[2001:db8::9]", "unknown[203.0.113.77]"}, clients


def test_sessions_with_many_messages():
	with Daemon() as daemon:
		figures = load(daemon.socket, "--messages", "100", "--messages-per-session", "9", "--connections", "3")
		check_good(figures, 100)
		assert figures["sessions"] < 20, figures["sessions"]


def test_old_mta():
	"""An MTA that knows version 2 of the protocol, and one that can do next to nothing."""
	with Daemon() as daemon:
		check_good(load(daemon.socket, "--messages", "20", "--offer-version", "2", "--offer-actions", "3f",
				"--offer-protocol", "7f"), 20)


def test_idle():
	with Daemon() as daemon:
		for stage in ("connect", "helo", "mail", "rcpt"):
			figures = load(daemon.socket, "--idle", "60", "--idle-at", stage, "--messages", "20", "--pid", str(daemon.pid))
			check_good(figures, 20)
			assert figures["idle"]["held"] == figures["idle"]["left"] == 60, figures["idle"]


def test_cut():
	"""Connections that break off at each stage are no errors, and the daemon goes on."""
	with Daemon() as daemon:
		for stage in ("negotiate", "connect", "helo", "mail", "rcpt", "body", "eom"):
			figures = load(daemon.socket, "--messages", "20", "--cut-after", stage)
			check_good(figures, 20)
			assert figures["outcomes"]["cut"] == 20, figures["outcomes"]
		check_good(load(daemon.socket, "--messages", "20"), 20)


# ---- filters that break the protocol

def _read(connection, octets):
	data = b""
	while len(data) < octets:
		more = connection.recv(octets - len(data))
		if not more:
			raise ConnectionError
		data += more
	return data


def _speak(connection, protocol, actions, answer):
	"""One session of a filter. answer(command): what it sends, None to close."""
	with contextlib.suppress(OSError), connection:
		while True:
			size = struct.unpack("!I", _read(connection, 4))[0]
			command = _read(connection, size)[:1]
			if command == smfi.OPTNEG:
				said = smfi.packet(smfi.OPTNEG, struct.pack("!III", smfi.VERSION, actions, protocol))
			else:
				said = answer(command)
			if said is None or command == smfi.QUIT:
				return
			connection.sendall(said)


@contextlib.contextmanager
def filter_of_ours(answer, protocol=smfi.P_NR_HDR | smfi.P_NODATA, actions=smfi.F_ADDHDRS):
	"""A filter that says what `answer` says; its address."""
	with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
		listener.bind(folder + "/s")
		listener.listen(64)

		def serve():
			with contextlib.suppress(OSError):
				while True:
					connection = listener.accept()[0]
					threading.Thread(target=_speak, args=(connection, protocol, actions, answer), daemon=True).start()

		thread = threading.Thread(target=serve, daemon=True)
		thread.start()
		yield f"unix:{folder}/s"
		listener.shutdown(socket.SHUT_RDWR)
		thread.join()


GOOD = {command: smfi.packet(smfi.CONTINUE) for command in (smfi.CONNECT, smfi.HELO, smfi.MAIL, smfi.RCPT, smfi.EOH,
	smfi.BODY, smfi.BODYEOB)}
# What the filter says to a command, and what the generator must call it.
BROKEN = [
	(smfi.HEADER, 2 * smfi.packet(smfi.CONTINUE), "protocol", "replies that nobody waits for"),
	(smfi.MAIL, 2 * smfi.packet(smfi.CONTINUE), "protocol", "a reply too many"),
	(smfi.BODYEOB, 2 * smfi.packet(smfi.CONTINUE), "protocol", "a reply too many at the end"),
	(smfi.MAIL, smfi.packet(smfi.CONTINUE, b"x"), "protocol", "a reply with data"),
	(smfi.RCPT, smfi.packet(smfi.REPLYCODE, b"250 fine\0"), "protocol", "a reply that is no refusal"),
	(smfi.RCPT, smfi.packet(smfi.ADDHEADER, b"X\0y\0"), "protocol", "a change before the end"),
	(smfi.BODY, smfi.packet(smfi.SKIP), "protocol", "a skip that was not negotiated"),
	(smfi.BODYEOB, smfi.packet(smfi.QUARANTINE, b"why\0"), "protocol", "a change that was not negotiated"),
	(smfi.HELO, smfi.packet(b"?"), "protocol", "an unknown reply"),
	(smfi.HELO, struct.pack("!I", 0), "protocol", "a packet of no octets"),
	(smfi.BODYEOB, None, "closed", "a closed connection"),
	(smfi.MAIL, b"", "patience", "no reply at all"),
]


def test_broken_filters():
	for command, said, error, what in BROKEN:
		replies = {**GOOD, command: said}
		with filter_of_ours(lambda command: replies.get(command, b"")) as where:
			figures = load(where, "--messages", "5", "--connections", "2", "--patience-s", "0.5" if error == "patience" else "60",
					status=1)
		assert figures["errors"][error] == 5, f"{what}: {figures['errors']}"
		assert figures["outcomes"]["failed"] == 5 and figures["adds_up"], f"{what}: {figures['outcomes']}"


def test_greedy_filter():
	"""It negotiates what was not offered."""
	with filter_of_ours(GOOD.get, actions=smfi.F_QUARANTINE) as where:
		figures = load(where, "--messages", "3", "--offer-actions", "1", status=1)
		assert figures["errors"]["protocol"] == 3, figures["errors"]


def test_verdicts():
	"""Each reply is the verdict that it means, at its stage."""
	cases = [(smfi.CONNECT, smfi.REJECT, "connect.rejected"), (smfi.HELO, smfi.TEMPFAIL, "helo.tempfailed"),
			(smfi.MAIL, smfi.ACCEPT, "mail.accepted"), (smfi.RCPT, smfi.REJECT, "rcpt.rejected"),
			(smfi.RCPT, smfi.TEMPFAIL, "rcpt.tempfailed"), (smfi.BODYEOB, smfi.DISCARD, "eom.discarded")]
	for command, reply, verdict in cases:
		replies = {**GOOD, command: smfi.packet(reply)}
		with filter_of_ours(lambda command: replies.get(command, b"")) as where:
			figures = load(where, "--messages", "4", "--messages-per-session", "2", "--recipients", "2")
			check_good(figures, 4)
			assert figures["outcomes_by_stage"] == {verdict: 4}, f"{verdict}: {figures['outcomes_by_stage']}"


def test_nobody_listens():
	with tempfile.TemporaryDirectory() as folder:
		figures = load(f"unix:{folder}/none", "--messages", "3", status=1)
		assert figures["errors"]["connect"] == 3 and figures["adds_up"], figures


def test_not_understood():
	assert "--rate=fast" in load("unix:/nowhere", "--rate=fast", status=64)
	assert "no such" in load("unix:/nowhere", "--clients", "/nonexistent/clients", status=64).lower()


if __name__ == "__main__":
	sys.exit(run_tests(sys.modules[__name__]))
