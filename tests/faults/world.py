# SPDX-License-Identifier: BSD-2-Clause
"""world - a client, its names and its domain, as many times as there are cases: number n has the address
203.0.113.n and the domain cn.example, and shares no name with another one. Data only."""
from email.utils import formatdate

from dns_zones import reverse_name

SOA = "SOA ns.example. hostmaster.example. 1 3600 600 86400 60"
NETWORK = "203.0.113"
LISTS = ("zen.spamhaus.org", "bl.spamcop.net", "dbl.spamhaus.org", "list.dnswl.org")
CASES_MAX = 250


def address(number):
	"""The client's address."""
	return f"{NETWORK}.{number}"


def domain(number):
	"""The sender's domain."""
	return f"c{number}.example"


def helo(number):
	"""What the client says in HELO."""
	return "helo." + domain(number)


def stranger(number):
	"""A domain of somebody else's, who has signed the message as well."""
	return domain(number) + ".com"


def tops():
	"""What holds the names of all."""
	return "".join(f"{name} {SOA}\n" for name in ("example", "com") + LISTS)


def records(number, key, kind="plain"):
	"""The records of one. `kind`: "plain", all is as it should be; "listed", a list has reason enough to refuse it;
	"forwarded", SPF fails, and only the author's signature vouches for it."""
	ip, name = address(number), domain(number)
	permitted = ip if kind != "forwarded" else "192.0.2.202"
	text = f"""{reverse_name(ip)} PTR ptr.{name}
ptr.{name} A {ip}
helo.{name} A {ip}
helo.{name} TXT "v=spf1 a -all"
{name} MX 10 mx.{name}
mx.{name} A 198.51.100.26
{name} TXT "v=spf1 include:inc.{name} a:a.{name} mx:mxd.{name} ptr:elsewhere.{name} exists:%{{ir}}.ex.{name} redirect=red.{name}"
inc.{name} TXT "v=spf1 ip4:192.0.2.200 -all"
a.{name} A 192.0.2.200
mxd.{name} MX 10 m2.{name}
m2.{name} A 192.0.2.201
red.{name} TXT "v=spf1 ip4:{permitted} -all"
_dmarc.{name} TXT "v=DMARC1; p=reject; psd=n"
"""
	text += key.record(f"s._domainkey.{name}") + key.record(f"t._domainkey.{stranger(number)}")
	return text + (f"{reverse_name(ip, LISTS[0])} A 127.0.0.4\n" if kind == "listed" else "")


def message(number, key, message_id):
	"""Its message, signed by the author's domain and by another one."""
	name = domain(number)
	text = (f"From: Alice <alice@sub.{name}>\r\nTo: bob@example.org\r\nSubject: Greetings\r\nDate: {formatdate()}\r\n"
	        f"Message-ID: {message_id}\r\n\r\nDear Bob,\r\nthis is fault number {number}.\r\n")
	octets = key.sign(text.encode(), name, "s")
	return key.sign(octets, stranger(number), "t")


def question_of(question, number, first=1):
	"""A question that case `first` asked ("name", "TYPE"), as case `number` asks it."""
	name, kind = question
	name = name.replace(domain(first), domain(number))
	return name.replace(reverse_name(address(first), "@")[:-1], reverse_name(address(number), "@")[:-1]), kind
