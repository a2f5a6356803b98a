# SPDX-License-Identifier: BSD-2-Clause
"""demo_cases - what the demonstration sends, and what the world says about the senders. Data only."""
from dataclasses import dataclass, field

from dns_zones import reverse_name


@dataclass
class Case:
	"""One message. `action`: what must become of it; `rcpts`: in order; `fields`: header fields beside the usual ones."""
	title: str
	what: str
	client: str
	action: str
	helo: bytes = b""
	sender: str = ""
	rcpts: tuple = ("bob@example.org",)
	fields: tuple = ()
	auth: str = ""
	mode: str = "enforce"
	slow: bool = False


@dataclass
class Outcome:
	"""What came of a Case. `replies`: (command, Reply) pairs; `verdicts`: logline.LogLine; `fields` None: not delivered."""
	case: Case
	replies: list = field(default_factory=list)
	fields: list = None
	sent: list = field(default_factory=list)
	verdicts: list = field(default_factory=list)


def named(address, name):
	"""A PTR record, and the name leading back."""
	return f"{reverse_name(address)} PTR {name}\n{name} {'AAAA' if ':' in address else 'A'} {address}\n"


def takes_mail(*domains):
	"""A mail exchange for each, so that somebody could answer to a sender there."""
	return "".join(f"{domain} MX 10 mx.{domain}\nmx.{domain} A 198.51.100.26\n" for domain in domains)


def called(name, *addresses):
	"""A name in HELO that leads to these addresses."""
	return "".join(f"{name} {'AAAA' if ':' in address else 'A'} {address}\n" for address in addresses)


def listed(address, zone, *codes):
	"""An address in a list."""
	return "".join(f"{reverse_name(address, zone)} A {code}\n" for code in codes)


ZONE = "".join([
	takes_mail("example.net", "example.com", "pills.example", "letters.example", "typo.example",
	           "signed.example"),
	called("news.example.com", "198.51.100.7"),
	called("far.example.net", "203.0.113.66"),
	named("203.0.113.5", "mail.example.net"),
	"shop.example A 203.0.113.20\n",
	named("203.0.113.77", "dsl-203-0-113-77.pool.example.net"),
	named("203.0.113.78", "dsl-203-0-113-78.pool.example.net"),
	listed("203.0.113.78", "zen.spamhaus.org", "127.0.0.10"),
	named("203.0.113.90", "host90.example.com"),
	listed("203.0.113.90", "zen.spamhaus.org", "127.0.0.4"),
	named("203.0.113.91", "host91.example.com"),
	listed("203.0.113.91", "zen.spamhaus.org", "127.0.0.3"),
	listed("203.0.113.91", "bl.spamcop.net", "127.0.0.2"),
	"pills.example.dbl.spamhaus.org A 127.0.1.2\n",
	listed("198.51.100.7", "bl.spamcop.net", "127.0.0.2"),
	listed("198.51.100.7", "list.dnswl.org", "127.0.5.2"),
	named("203.0.113.30", "mx1.example.com"),
	listed("203.0.113.30", "zen.spamhaus.org", "127.255.255.254"),
	f"{reverse_name('203.0.113.66')} * !timeout\n",
	named("203.0.113.92", "host92.example.com"),
	listed("203.0.113.92", "zen.spamhaus.org", "127.0.0.2", "127.0.0.9"),
	named("203.0.113.79", "dyn-203-0-113-79.pool.example.net"),
	listed("203.0.113.79", "zen.spamhaus.org", "127.0.0.10"),
	named("203.0.113.40", "out.example.net"),
	named("203.0.113.21", "host21.example.com"),
	named("2001:db8:77::25", "six.example.com"),
	listed("2001:db8:77::25", "zen.spamhaus.org", "127.0.0.3"),
	named("203.0.113.50", "mta.letters.example"),
	named("203.0.113.51", "host51.example.com"),
	"letters.example TXT \"v=spf1 include:_spf.letters.example -all\"\n",
	"_spf.letters.example TXT \"v=spf1 ip4:203.0.113.48/31 ip4:203.0.113.50 -all\"\n",
	named("203.0.113.52", "mta.typo.example"),
	"typo.example TXT \"v=spf1 ip4:203.0.113.520 -all\"\n",
	named("203.0.113.53", "forwarder.example"),
	named("203.0.113.54", "host54.example.com"),
	named("203.0.113.56", "host56.example.com"),
	named("203.0.113.57", "host57.example.com"),
	"signed.example TXT \"v=spf1 ip4:203.0.113.60 -all\"\n",
	"ed._domainkey.signed.example TXT \"v=DKIM1; k=ed25519; p=hBTJFPrs0Q0FmzAKS5pfJzvkjWhFtsnZUTufcjXOMig=\"\n",
	"_dmarc.signed.example TXT \"v=DMARC1; p=reject\"\n",
	named("203.0.113.93", "host93.example.com"),
	listed("203.0.113.93", "zen.spamhaus.org", "127.0.0.4"),
])

FORGED = (
	"Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=bank.example; iprev=pass",
	"Authentication-Results: mx.example.net; dkim=pass header.d=example.net",
	"X-Spam-Flag: NO",
	"X-Spam-Score: -99.0",
	"X-Spam-Status: No, score=-99.0 required=5.0 tests=WELCOME=-99.0",
)

# Made once, with a key that nobody has any more, over From, To, Subject and the body of the message below.
SIGNATURE = (
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=signed.example; i=@signed.example; "
	"q=dns/txt; s=ed; t=1700000000; h=from : to : subject; "
	"bh=yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=; "
	"b=NbYtPDa/btqaHtE3uumFOCS+d6NEW6oZV791X0rjlUiGhR1dlZZXZs7GcSll3gFBmv07r CP4HWrR6Nkv0GFPCg=="
)

CASES = [
	Case("Clean mail",
	     "A mail server with a name that leads back to its address, on no list.",
	     "203.0.113.5", "accept", b"mail.example.net", "alice@example.net"),
	Case("No reverse DNS",
	     "Its address has no PTR record. That costs points, but it is no reason to refuse mail.",
	     "203.0.113.20", "accept", b"shop.example", "orders@shop.example"),
	Case("A dynamic name",
	     "The name of this address says: a DSL line. Suspicious, not damning.",
	     "203.0.113.77", "accept", b"[203.0.113.77]", "carol@example.net"),
	Case("A dynamic name, and a policy list says so too",
	     "Two sources agree, and a rule adds to that: delivered, but marked as spam.",
	     "203.0.113.78", "tag", b"[203.0.113.78]", "carol@example.net"),
	Case("On a block list",
	     "An infected machine, listed as such (XBL). Refused at RCPT: the sender reads why.",
	     "203.0.113.90", "reject", b"host90.example.com", "win@example.com"),
	Case("On several lists",
	     "None of the three listings is enough, together they are: two for the address, one for the sender's domain.",
	     "203.0.113.91", "reject", b"host91.example.com", "offers@pills.example"),
	Case("On a block list and on an allow list",
	     "No PTR and a complaint at SpamCop would mark it; those who know its operator speak for it.",
	     "198.51.100.7", "accept", b"news.example.com", "letter@example.com"),
	Case("A list that answers with an error",
	     "127.255.255.254 means \"ask through your own resolver\". It is never held against the sender.",
	     "203.0.113.30", "accept", b"mx1.example.com", "dave@example.com"),
	Case("DNS is dead",
	     "Nobody answers for the sender's address. The mail passes, and the log says what could not be found out.",
	     "203.0.113.66", "accept", b"far.example.net", "erin@example.net", slow=True),
	Case("The way to the postmaster",
	     "A listed sender is refused at Bob's address, and reaches the postmaster to complain.",
	     "203.0.113.92", "accept", b"host92.example.com", "admin@example.com", ("bob@example.org", "postmaster@example.org")),
	Case("One of our own users",
	     "The same kind of address as number 4, but the user has logged in.",
	     "203.0.113.79", "accept", b"[203.0.113.79]", "frank@example.org", ("grace@example.com", "bob@example.org"), auth="frank"),
	Case("SPF: the domain names this server",
	     "The record of the sender's domain includes another one, which lists the address.",
	     "203.0.113.50", "accept", b"mta.letters.example", "news@letters.example"),
	Case("SPF: the domain says that this is not its server",
	     "A fail marks the message. Alone it does not refuse: the message may have been forwarded.",
	     "203.0.113.51", "tag", b"host51.example.com", "boss@letters.example"),
	Case("SPF: a record with a mistake in it",
	     "Nobody guesses what was meant: permerror, one point, and the log says which term is wrong, and why.",
	     "203.0.113.52", "accept", b"mta.typo.example", "news@typo.example"),
	Case("DKIM: signed by the author's domain, and forwarded",
	     "Forwarding breaks SPF. The signature is whole: it takes the points of SPF out again, and DMARC passes.",
	     "203.0.113.53", "accept", b"forwarder.example", "writer@signed.example", fields=(SIGNATURE,)),
	Case("DMARC: somebody else writes in that domain's name",
	     "Nothing speaks for the author, and his domain asks to refuse such mail (p=reject).",
	     "203.0.113.54", "reject", b"host54.example.com", "writer@signed.example"),
	Case("A client that says it is us",
	     "No PTR, and our own name in HELO: 8 points for its name. Their group is capped: a name alone never refuses mail.",
	     "203.0.113.55", "tag", b"mx.example.org", "joe@example.net"),
	Case("A sender's domain that does not exist",
	     "Nobody could answer to this sender. Refused at RCPT, with the code that says so.",
	     "203.0.113.56", "reject", b"host56.example.com", "nobody@gone.example"),
	Case("Badly written",
	     "Two subjects, two dates, bulk mail that nobody can unsubscribe from: each fact is small, and all are shown.",
	     "203.0.113.57", "accept", b"host57.example.com", "bulk@example.com",
	     fields=("Date: 31 Foo 2026", "Subject: and again", "Precedence: bulk", "Content-Type: multipart/mixed")),
	Case("Forged verdicts",
	     "The sender brings our own Authentication-Results and X-Spam fields along. They go; another server's stays.",
	     "203.0.113.40", "accept", b"out.example.net", "mallory@example.net", fields=FORGED),
	Case("IPv6",
	     "An address of 128 bits, confirmed in reverse DNS, and listed (CSS).",
	     "2001:db8:77::25", "tag", b"six.example.com", "heidi@example.com"),
	Case("Hostile octets",
	     "Escape sequences, quotes and forged keys in HELO and MAIL FROM. Log and headers stay clean.",
	     "203.0.113.21", "accept", b"x\x1b[2J\" score=-99 facts=\"\xc3\xa9\x07", "\"a\\\" score=0\"@example.net"),
	Case("The first days: monitor mode",
	     "A listed sender again, after a restart with mode = \"monitor\": nothing is refused, everything is logged.",
	     "203.0.113.93", "accept", b"host93.example.com", "win@example.com", mode="monitor"),
]
