# SPDX-License-Identifier: BSD-2-Clause
"""dkim_signer - signs messages for tests, by RFC 6376 and RFC 8463, with the openssl command and nothing of the
program's.

    key = Key("rsa", 2048); line = key.record("s._domainkey.example.org")
    octets = key.sign(message, domain="example.org", selector="s")
"""
import base64
import hashlib
import os
import re
import subprocess
import tempfile

PATIENCE_S = 60
FIELDS = ("from", "to", "subject", "date", "message-id")
LINE = 70


def openssl(*arguments, octets=b""):
	"""What the command prints."""
	done = subprocess.run(["openssl", *arguments], input=octets, capture_output=True, timeout=PATIENCE_S, check=False)
	if done.returncode != 0:
		raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode('utf-8', 'replace')}")
	return done.stdout


def split(message):
	"""(fields as octets without their last line end, body)"""
	header, _blank, body = message.partition(b"\r\n\r\n")
	return re.split(rb"\r\n(?![ \t])", header), body


def relaxed_field(field):
	"""RFC 6376 3.4.2, without the line end."""
	name, _colon, value = field.partition(b":")
	value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")
	return name.strip(b" \t").lower() + b":" + value


def canonical_body(body, canon):
	"""RFC 6376 3.4.3, 3.4.4."""
	if canon == "relaxed":
		body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
	body = re.sub(rb"(\r\n)+\Z", b"", body)
	return body + b"\r\n" if body or canon == "simple" else b""


def covered(fields, names):
	"""The fields that the names of h= select: the last that is left of each name."""
	left, chosen = list(fields), []
	for name in names:
		at = [i for i, field in enumerate(left) if field.partition(b":")[0].strip(b" \t").lower().decode("latin-1") == name]
		if at:
			chosen.append(left.pop(at[-1]))
	return chosen


def folded(text):
	"""Base64 in lines that begin with a space."""
	return "\r\n ".join(text[at:at + LINE] for at in range(0, len(text), LINE))


class Key:
	"""A new key pair. `kind`: "rsa" or "ed25519"."""

	def __init__(self, kind="rsa", bits=2048):
		self.kind = kind
		options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"] if kind == "rsa" else ["-algorithm", "ED25519"]
		self.private = openssl("genpkey", *options)
		der = openssl("pkey", "-pubout", "-outform", "DER", octets=self.private)
		self.public = base64.b64encode(der if kind == "rsa" else der[-32:]).decode()

	def text(self, tags=""):
		"""The text of its record."""
		return f"v=DKIM1; k={self.kind}; {tags}p={self.public}"

	def record(self, name, tags=""):
		"""A line of a zone file."""
		text = self.text(tags)
		return f"{name} TXT " + " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200)) + "\n"

	def sign_octets(self, octets):
		"""The signature over octets: of their SHA-256 hash (RSA: PKCS#1 v1.5)."""
		with tempfile.TemporaryDirectory() as directory:
			key, data = os.path.join(directory, "key"), os.path.join(directory, "data")
			for path, content in ((key, self.private), (data, hashlib.sha256(octets).digest())):
				with open(path, "wb") as file:
					file.write(content)
			if self.kind == "rsa":
				return openssl("pkeyutl", "-sign", "-inkey", key, "-in", data, "-pkeyopt", "digest:sha256")
			return openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", data)

	def sign(self, message, domain, selector, canon="relaxed/relaxed", names=FIELDS, tags=(), length=None):
		"""The message with a signature on top. `tags`: more of them ("t=1", "x=2"); `length`: l=."""
		header_canon, body_canon = canon.split("/")
		fields, body = split(message)
		body = canonical_body(body, body_canon)
		if length is not None:
			body, tags = body[:length], (*tags, f"l={length}")
		digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
		parts = ["v=1", f"a={self.kind}-sha256", f"c={canon}", f"d={domain}", f"s={selector}", *tags,
		         "h=" + ":".join(names), f"bh={digest}", "b="]
		own = ("DKIM-Signature: " + ";\r\n\t".join(parts)).encode()
		chosen = covered(fields, names) + [own]
		text = b"\r\n".join(relaxed_field(field) if header_canon == "relaxed" else field for field in chosen)
		signature = base64.b64encode(self.sign_octets(text)).decode()
		return own + b"\r\n " + folded(signature).encode() + b"\r\n" + message
