# SPDX-License-Identifier: BSD-2-Clause
"""sendmail_fields - header fields of a message as delivered, and those that the tests send: forged, foreign, with telling octets."""
from test_postfix import expect


class Fields:
	"""The header fields of a message, each with its exact octets: (name, whole field with LF line ends)."""

	def __init__(self, octets):
		self.all = []
		for line in octets.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].split(b"\n"):
			if line[:1] in (b" ", b"\t") and self.all:
				self.all[-1] = (self.all[-1][0], self.all[-1][1] + b"\n" + line)
			else:
				self.all.append((line.split(b":", 1)[0], line))

	def named(self, name):
		"""The whole fields of that name, from the top."""
		return [field for each, field in self.all if each.lower() == name.lower()]

	def value(self, name):
		"""The text behind the colon of the only field of that name."""
		found = self.named(name)
		expect(len(found) == 1, f"one {name.decode()} expected, there are {found}")
		return found[0].split(b":", 1)[1].decode("latin-1")

	def split_at_received(self):
		"""The fields above Sendmail's own Received, and those below it."""
		at = next(number for number, (name, _field) in enumerate(self.all) if name == b"Received")
		return [field for _name, field in self.all[:at]], [field for _name, field in self.all[at + 1:]]


def forged(name, value):
	"""A field that must go."""
	return name + b":" + value, False


def foreign(name, value):
	"""A field that must stay."""
	return name + b":" + value, True


FORGERIES = [
	forged(b"Authentication-Results", b" mx.example.org; spf=pass smtp.mailfrom=bank.example"),
	foreign(b"Authentication-Results", b" mx.example.net; dkim=pass header.d=example.net"),
	forged(b"X-Spam-Flag", b" NO"),
	forged(b"AUTHENTICATION-RESULTS", b" MX.EXAMPLE.ORG 1; iprev=pass"),
	foreign(b"authentication-results", b"  first.example;\r\n\tspf=none"),
	forged(b"Authentication-Results", b"mx.example.org; none"),
	forged(b"x-spam-score", b"-99"),
	foreign(b"X-Spammer", b" no X-Spam field"),
	forged(b"authentication-Results", b"\r\n\tmx.example.org;\r\n\tspf=pass"),
	foreign(b"Authentication-Results", b" mx.example.org.elsewhere.example; none"),
	forged(b"Authentication-Results", b" (a comment) \"mx.example.org\"; spf=pass"),
	forged(b"X-SPAM-FLAG", b" NO"),
	forged(b"X-Spam-Report", b" nothing\r\n  to see\r\n\there"),
	foreign(b"Authentication-Results-Copy", b" mx.example.org; none"),
	forged(b"X-Spam-Flag", b"\tNO"),
	foreign(b"Authentication-Results", b"\tlast.example; none"),
	forged(b"Authentication-Results", b" mx.example.org.; none"),
]
# Sendmail rewrites fields with addresses itself: none of those here.
OCTETS = [
	b"Subject:   three spaces", b"X-None:nothing", b"X-Tab:\ttab", b"X-Two:\t two", b"X-Trailing: value \t ", b"X-Empty-Tail: ",
	b"X-Folded: one\r\n two\r\n\tthree\r\n    four", b"X-Folded-Early:\r\n second line", b"X-Octets: gr\xc3\xb6\xdfer", b"x-CaSe: Kept",
	b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.net;\r\n\ts=s;\th=from : subject;  b=AAAA\r\n  BBBB",
	b"X-Percent: 100% %s %n", b"X-Twice: 1", b"X-Twice:  2", b"X-Long: " + b"x" * 900, b"MIME-Version: 1.0",
]
