#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Messages signed here by python3-dkim, then damaged an octet at a time: our verdict against its own and Mail::DKIM's.

usage: differential.py [--rounds N] DKIMTOOL

What we pass, the others must pass; what they pass, we must pass or refuse for a reason of its own (permerror, policy).
Without python3-dkim: exit 77 (skipped). Without Mail::DKIM only the first comparison is made.
"""
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time

SYSTEM_PYTHON = "/usr/bin/python3"
try:
    import dkim
    import nacl.encoding
    import nacl.signing
except ImportError:
    if os.path.exists(SYSTEM_PYTHON) and os.path.realpath(sys.executable) != os.path.realpath(SYSTEM_PYTHON):
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON] + sys.argv)
    print("ok - messages signed by others # SKIP python3-dkim or python3-nacl is not installed")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
NOW = int(time.time())
SEED = 6376
ROUNDS = 600
SIGNATURES_MAX = 3

HEADERS = [
    b"From: Alice <alice@example.org>", b"To: Bob <bob@example.net>,\r\n\tCarol <carol@example.net>",
    b"Subject: The  minutes \t of\r\n  last week", b"Subject:", b"X-Empty: ", b"Date: Sat, 21 Nov 2026 08:00:00 +0000",
    b"Message-ID: <1@example.org>", b"Received: from a.example by b.example;\r\n\tSat, 21 Nov 2026 08:00:00 +0000",
    b"Received: from c.example by a.example", b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8",
    b"x-folded:a\r\n b\r\n\tc  ", b"X-Tab:\ttabs\there\t", b"Reply-To:alice@example.org", b"List-Id: <l.example.org>",
]
LINES = [b"Hello there,", b"", b"  indented  text  ", b"tabs\t\tand spaces \t ", b" ", b"\t", b".", b"x" * 300,
         b"caf\xc3\xa9", b"--", b"= ; b=", b"Hello: there"]
CANONS = [b"simple", b"relaxed"]


def make_keys():
    """{algorithm: (private key, record)}"""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=pem, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True).stdout
    p = b"".join(public.split(b"\n")[1:-2])
    seed = nacl.signing.SigningKey.generate()
    point = seed.verify_key.encode(nacl.encoding.Base64Encoder)
    return {b"rsa-sha256": (pem, b"v=DKIM1; k=rsa; p=" + p),
            b"ed25519-sha256": (seed.encode(nacl.encoding.Base64Encoder), b"v=DKIM1; k=ed25519; p=" + point)}


def make_message(rng):
    """A header with fields that repeat and fold, and a body that may be empty or end in any way."""
    fields = [HEADERS[0]] + [rng.choice(HEADERS[1:]) for _ in range(rng.randrange(1, 12))]
    rng.shuffle(fields)
    body = b"".join(rng.choice(LINES) + b"\r\n" for _ in range(rng.randrange(0, 8)))
    body += b"\r\n" * rng.choice([0, 0, 1, 3])
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def names_of(rng, message):
    """Some of the names, From among them, now and then more often than there are fields (oversigned)."""
    header = message.split(b"\r\n\r\n", 1)[0]
    names = [line.split(b":")[0].strip().lower() for line in header.split(b"\r\n") if line[:1] not in b" \t"]
    chosen = [name for name in names if name != b"from" and rng.random() < 0.7]
    chosen += [name for name in (b"from", b"subject", b"x-none") if rng.random() < 0.4]
    chosen.insert(rng.randrange(len(chosen) + 1), b"from")
    return chosen


def add_signature(rng, message, keys, algorithm, canons):
    """The message with another signature on top."""
    selector = b"r" if algorithm.startswith(b"rsa") else b"e"
    signer = dkim.DKIM(message, timeout=5)
    signer.should_not_sign = set()
    signature = signer.sign(selector, b"example.org", keys[algorithm][0], signature_algorithm=algorithm,
                            canonicalize=canons, include_headers=names_of(rng, message))
    return signature + message


def make_signed(rng, keys):
    """Signed in all ways, one to three times."""
    messages = []
    for canons, algorithm in itertools.product(itertools.product(CANONS, CANONS), keys):
        for count in (1, rng.randrange(1, SIGNATURES_MAX + 1)):
            message = make_message(rng)
            for i in range(count):
                message = add_signature(rng, message, keys, algorithm if i == 0 else rng.choice(list(keys)), canons)
            messages.append(message)
    return messages


def damaged(rng, message):
    """One octet more, less, or other."""
    at = rng.randrange(len(message))
    octet = bytes([rng.choice([rng.randrange(1, 128), 32, 9, 13, 10, 59, 61, 58, message[at] ^ 0x20 or 1])])
    how = rng.randrange(3)
    return message[:at] + (octet if how != 1 else b"") + message[at + (how != 0):]


def is_shaped(message):
    """Is it a message whose header every program takes apart alike? (What is left of a torn line end is not.)"""
    header = message.split(b"\r\n\r\n", 1)[0]
    if b"\n" in header.replace(b"\r\n", b"") or b"\r" in header.replace(b"\r\n", b""):
        return False
    lines = header.split(b"\r\n")
    return all(line[:1] in b" \t" or (b":" in line and all(33 <= c < 127 for c in line.split(b":")[0].rstrip()))
               for line in lines if line) and all(lines) and lines[0][:1] not in b" \t" and b"\r\n\r\n" in message


def ask_dkimpy(message, keys):
    """[does each signature pass?]"""
    records = {b"r._domainkey.example.org.": keys[b"rsa-sha256"][1],
               b"e._domainkey.example.org.": keys[b"ed25519-sha256"][1]}
    answers = []
    try:
        verifier = dkim.DKIM(message, timeout=5)
        count = sum(name.lower().strip() == b"dkim-signature" for name, _value in verifier.headers)
    except dkim.DKIMException:
        return None
    for i in range(count):
        try:
            passed = verifier.verify(i, lambda name, timeout=5: records.get(name.lower().rstrip(b".") + b"."))
        except Exception:  # of any kind: it is not ours to judge what it cannot read
            passed = False
        answers.append(bool(passed))
    return answers


def has_bare_line_ends(message):
    """Is there a CR or LF alone? dkimpy mends them before it looks; here they are octets."""
    rest = message.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest


def ask_tool(tool, paths, zone):
    """[[(code, reason) of each signature]]"""
    listed = "".join(f"{NOW}\t{path}\n" for path in paths)
    done = subprocess.run([tool, zone], input=listed.encode(), stdout=subprocess.PIPE, check=True, timeout=600)
    answers = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("message "):
            answers.append([])
        elif line.startswith("differs "):
            print(f"message {len(answers) - 1}: another result when cut at {line.split()[1]}")
            sys.exit(1)
        elif not line.startswith("found "):
            part = line.split("\t")
            answers[-1].append((part[1], part[7]))
    return answers


def ask_mail_dkim(paths, zone):
    """[[result of each signature]], or None where it is not installed"""
    listed = "".join(f"{path}\t{zone}\n" for path in paths)
    done = subprocess.run(["perl", os.path.join(HERE, "mail_dkim.pl")], input=listed.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False, timeout=600)
    lines = done.stdout.decode("utf-8", "replace").split("\n")[:-1]
    return [line.split() for line in lines] if done.returncode == 0 and len(lines) == len(paths) else None


def compare(who, ours, theirs):
    """None, or what is wrong: ours is (code, reason), theirs whether it passes."""
    code, reason = ours
    if code == "pass" and not theirs:
        return f"we pass what {who} does not"
    if theirs and code not in ("pass", "permerror", "policy"):
        return f"{who} passes what is {code} ({reason}) to us"
    return None


def main():
    args = sys.argv[1:]
    rounds = int(args[args.index("--rounds") + 1]) if "--rounds" in args else ROUNDS
    rng = random.Random(SEED)
    keys = make_keys()
    signed = make_signed(rng, keys)
    candidates = (damaged(rng, rng.choice(signed)) for _ in range(rounds * 20))
    messages = signed + list(itertools.islice(filter(is_shaped, candidates), rounds))
    wrong, passes, compared = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="mailreeve-dkim-") as place:
        zone = os.path.join(place, "zone.txt")
        with open(zone, "wb") as file:
            for selector, (_key, record) in zip((b"r", b"e"), keys.values()):
                file.write(selector + b"._domainkey.example.org\tTXT\t" + record + b"\n")
        paths = [os.path.join(place, f"{i}.eml") for i in range(len(messages))]
        for path, message in zip(paths, messages):
            with open(path, "wb") as file:
                file.write(message)
        ours, perls = ask_tool(args[-1] if args else os.environ["DKIMTOOL"], paths, zone), ask_mail_dkim(paths, zone)
        for i, message in enumerate(messages):
            pythons = ask_dkimpy(message, keys)
            for k, our in enumerate(ours[i]):
                problems = [f"signed, and is {our[0]} ({our[1]})"] if i < len(signed) and our[0] != "pass" else []
                passes += our[0] == "pass"
                if pythons is not None and len(pythons) == len(ours[i]) and not has_bare_line_ends(message):
                    problems.append(compare("dkimpy", our, pythons[k]))
                    compared += 1
                # Mail::DKIM leaves out what it cannot read, and knows no Ed25519
                if perls is not None and len(perls[i]) == len(ours[i]) and perls[i][k] in ("pass", "fail"):
                    problems.append(compare("Mail::DKIM", our, perls[i][k] == "pass"))
                    compared += 1
                for problem in filter(None, problems):
                    wrong += 1
                    print(f"message {i} signature {k}: {problem}\n{message!r}")
    print(f"{'not ok' if wrong else 'ok'} - {len(signed)} signed and {len(messages) - len(signed)} damaged messages, {passes} signatures pass, "
          f"{compared} comparisons (Mail::DKIM {'too' if perls is not None else 'not here'}), {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
