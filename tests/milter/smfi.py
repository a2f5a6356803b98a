# SPDX-License-Identifier: BSD-2-Clause
"""smfi - the milter protocol's packets and names (version 6), as both MTAs and libmilter use them.

A packet is four octets of length (network order), one octet of command or reply, and the data.
"""
import struct
from dataclasses import dataclass, field

VERSION = 6
CHUNK_OCTETS = 65535

# commands of the MTA
ABORT, BODY, CONNECT, MACRO, BODYEOB, HELO, QUIT_NC, HEADER, MAIL, EOH, OPTNEG, QUIT, RCPT, DATA, UNKNOWN = (
	b"A", b"B", b"C", b"D", b"E", b"H", b"K", b"L", b"M", b"N", b"O", b"Q", b"R", b"T", b"U")

# replies of the filter
(ADDRCPT, DELRCPT, ADDRCPT_PAR, ACCEPT, REPLBODY, CONTINUE, DISCARD, CHGFROM, CONN_FAIL, ADDHEADER, INSHEADER,
	CHGHEADER, PROGRESS, QUARANTINE, REJECT, SKIP, TEMPFAIL, REPLYCODE, SHUTDOWN) = (
		bytes([octet]) for octet in b"+-2abcdefhimpqrsty4")

# actions a filter may ask for
F_ADDHDRS, F_CHGBODY, F_ADDRCPT, F_DELRCPT, F_CHGHDRS, F_QUARANTINE, F_CHGFROM, F_ADDRCPT_PAR, F_SETSYMLIST = (
	1 << bit for bit in range(9))
ALL_ACTIONS = 0x1FF
V1_ACTIONS = 0x0F
V2_ACTIONS = 0x3F

# protocol bits
(P_NOCONNECT, P_NOHELO, P_NOMAIL, P_NORCPT, P_NOBODY, P_NOHDRS, P_NOEOH, P_NR_HDR, P_NOUNKNOWN, P_NODATA, P_SKIP,
	P_RCPT_REJ, P_NR_CONN, P_NR_HELO, P_NR_MAIL, P_NR_RCPT, P_NR_DATA, P_NR_UNKN, P_NR_EOH, P_NR_BODY,
	P_HDR_LEADSPC) = (
		1 << bit for bit in range(21))
ALL_PROTOCOL = 0x1FFFFF
V1_PROTOCOL = 0x3F
V2_PROTOCOL = 0x7F

PROTOCOL_NAMES = dict(zip((1 << bit for bit in range(21)), (
	"NOCONNECT NOHELO NOMAIL NORCPT NOBODY NOHDRS NOEOH NR_HDR NOUNKNOWN NODATA SKIP RCPT_REJ NR_CONN NR_HELO NR_MAIL "
	"NR_RCPT NR_DATA NR_UNKN NR_EOH NR_BODY HDR_LEADSPC").split()))

# numbers of the stages in the filter's symbol lists
SYMBOL_STAGES = {0: "connect", 1: "helo", 2: "mail", 3: "rcpt", 4: "data", 5: "eom", 6: "eoh"}
STAGE_COMMAND = {"connect": CONNECT, "helo": HELO, "mail": MAIL, "rcpt": RCPT, "data": DATA, "eom": BODYEOB, "eoh": EOH,
				 "header": HEADER, "body": BODY, "unknown": UNKNOWN}

FINAL_REPLIES = {CONTINUE: "continue", ACCEPT: "accept", REJECT: "reject", TEMPFAIL: "tempfail", DISCARD: "discard",
		SKIP: "skip",
				 REPLYCODE: "replycode", CONN_FAIL: "conn_fail", SHUTDOWN: "shutdown"}


class ProtocolError(Exception):
	"""The filter said something that the protocol does not allow."""


class Closed(Exception):
	"""The filter closed the connection."""


@dataclass
class Modification:
	"""A change that the filter asks for at end of message. kind: addheader, insheader, chgheader, quarantine, addrcpt,
	delrcpt, chgfrom, replbody. `index` belongs to insheader and chgheader."""
	kind: str
	name: bytes = b""
	value: bytes = b""
	index: int = 0


@dataclass
class Reply:
	"""What the filter answered to one command. kind: a value of FINAL_REPLIES, or "none" where none was due. text is
	the reply line of replycode ("550 5.7.1 ...")."""
	kind: str
	text: str = ""
	modifications: list = field(default_factory=list)
	progress: int = 0

	@property
	def code(self):
		"""The three digits of replycode; 550 for reject, 451 for tempfail; else empty."""
		return self.text[:3] if self.kind == "replycode" else {"reject": "550", "tempfail": "451"}.get(self.kind, "")

	@property
	def refused(self):
		"""Was the command refused, for good or for now?"""
		return self.kind in ("reject", "tempfail", "replycode", "shutdown")


@dataclass
class Negotiated:
	"""What the filter asked for. `symbols` maps stage names to lists of macro names."""
	version: int
	actions: int
	protocol: int
	symbols: dict

	def protocol_names(self):
		"""The protocol bits in words."""
		return {name for bit, name in PROTOCOL_NAMES.items() if self.protocol & bit}


def packet(command, data=b""):
	"""One packet as it goes over the wire."""
	return struct.pack("!I", len(data) + 1) + command + data


def parse_negotiation(data):
	"""The filter's answer to OPTNEG."""
	if len(data) < 12:
		raise ProtocolError(f"negotiation of {len(data)} octets")
	version, actions, protocol = struct.unpack("!III", data[:12])
	symbols, rest = {}, data[12:]
	while rest:
		if len(rest) < 5 or b"\0" not in rest[4:]:
			raise ProtocolError(f"broken symbol list {rest!r}")
		stage = struct.unpack("!I", rest[:4])[0]
		text, _nul, rest = rest[4:].partition(b"\0")
		symbols[SYMBOL_STAGES.get(stage, str(stage))] = text.decode("ascii").replace(",", " ").split()
	return Negotiated(version, actions, protocol, symbols)


def _texts(data, count):
	parts = data.split(b"\0")
	if len(parts) < count + 1 or parts[-1] != b"":
		raise ProtocolError(f"expected {count} texts, each with its NUL: {data!r}")
	return parts[:-1]


def parse_modification(command, data):
	"""A Modification, or None when the packet is none."""
	if command in (ADDHEADER, INSHEADER, CHGHEADER):
		index = 0
		if command != ADDHEADER:
			index, data = struct.unpack("!I", data[:4])[0], data[4:]
		parts = _texts(data, 2)
		kind = {ADDHEADER: "addheader", INSHEADER: "insheader", CHGHEADER: "chgheader"}[command]
		return Modification(kind, parts[0], parts[1], index)
	kinds = {QUARANTINE: "quarantine", ADDRCPT: "addrcpt", ADDRCPT_PAR: "addrcpt", DELRCPT: "delrcpt",
			CHGFROM: "chgfrom"}
	if command in kinds:
		return Modification(kinds[command], value=_texts(data, 1)[0])
	if command == REPLBODY:
		return Modification("replbody", value=data)
	return None


def parse_final(command, data):
	"""A Reply for a packet that ends a command, or None."""
	if command not in FINAL_REPLIES:
		return None
	if command != REPLYCODE:
		if data:
			raise ProtocolError(f"{FINAL_REPLIES[command]} with data {data!r}")
		return Reply(FINAL_REPLIES[command])
	text = _texts(data, 1)[0]
	if text[:1] not in b"45" or not text[:3].isdigit() or text[3:4] not in b" -":
		raise ProtocolError(f"no reply: {text!r}")
	return Reply("replycode", text.decode("latin-1"))
