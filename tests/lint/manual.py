#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""manual - the two manual pages say what the program does, and nothing that it does not.

mailreeve.conf(5) against --print-config and against the errors that the program gives for wrong values (they name type
and range); mailreeve(8) against --help, --print-facts and the sources of what the daemon writes; both against mandoc
and groff; the shipped configuration and every example against `mailreeve -n`.

Environment: MAILREEVE names the program, SRCDIR the source tree. Prints `ok - WHAT`, `not ok - WHAT: DETAIL` or
`ok - WHAT # SKIP WHY`; exit status 1 when anything is not ok.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

top = pathlib.Path(os.environ.get("SRCDIR") or pathlib.Path(__file__).resolve().parents[2])
program = os.path.abspath(os.environ.get("MAILREEVE", "mailreeve"))

# An element of each list, with only what must be given: so the defaults of the rest are printed.
SAMPLES = {
    "policy.groups": '( { name = "name"; facts = [ "rdns.none" ]; } )',
    "policy.rules": '( { name = "name"; all = [ "rdns.none" ]; points = 1.0; } )',
    "dnsbl.lists": '( { name = "list"; zone = "bl.example.org"; '
                   'codes = ( { code = "127.0.0.2"; name = "code"; points = 1.0; } ); } )',
}
# What an error says is right, and how the manual says it.
WANTED = (
    (r"true or false, without quotes", r"Boolean"),
    (r"a whole number between (\S+) and (\S+)", r"Integer, \1 to \2"),
    (r'three or four octal digits in quotes, such as "0660", between (\S+) and (\S+)', r"Octal mode, \1 to \2"),
    (r"a string in double quotes of (\d+) to (\d+) octets", r"String, \1 to \2 octets"),
    (r"one of (.+)", r"One of \1"),
    (r'a decimal number between (\S+) and (\S+) with at most three decimals(, or "off")?', r"Points, \1 to \2\3"),
    (r"a list of (strings|networks): .* with (\d+) to (\d+) elements", r"Array of \1, \2 to \3"),
    (r"a list of groups: .* with (\d+) to (\d+) elements", r"List of groups, \1 to \2"),
)
# Lists that are not empty by default: the page shows what is in them as an example.
DEFAULT_ELEMENTS = {"policy.rules": "one rule"}
SECRET = '"(hidden)"'
NOTHING = "/dev/null"

failed = False


def report(what, details):
    """A line for a rule that holds, or one for each place where it does not."""
    global failed
    for detail in details:
        failed = True
        print(f"not ok - {what}: {detail}")
    if not details:
        print(f"ok - {what}")


def compare(what, documented, real):
    """Every name of one set is in the other one."""
    report(what, [f"{name} is not in the manual" for name in sorted(set(real) - set(documented))] +
           [f"{name} is in the manual only" for name in sorted(set(documented) - set(real))])


def run(*arguments):
    """(exit status, standard output, standard error) of the program."""
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def printed(*arguments):
    """Standard output; the program must succeed."""
    status, out, err = run(*arguments)
    if status != 0:
        sys.exit(f"not ok - mailreeve {' '.join(arguments)}: exit status {status}: {err.strip()}")
    return out


def sample_overrides():
    return [word for name, value in SAMPLES.items() for word in ("-o", f"{name}={value}")]


# ---- the pages ----

def page_lines(name):
    return (top / "man" / name).read_text(encoding="utf-8").splitlines()


def between(lines, marker):
    """The lines between the comments `MARKER: begin` and `MARKER: end`."""
    comments = [f'.\\" {marker}: begin', f'.\\" {marker}: end']
    if not all(comment in lines for comment in comments):
        report(f'the comments "{marker}: begin" and "{marker}: end" are in the page', ["one is missing"])
        return []
    return lines[lines.index(comments[0]) + 1:lines.index(comments[1])]


def items(lines, macro="Li"):
    """(head, text below it) of each `.It MACRO ...`; the text without macro lines."""
    found = []
    for line in lines:
        if line.startswith(f".It {macro} "):
            found.append((line[len(macro) + 5:], []))
        elif found and not line.startswith("."):
            found[-1][1].append(line)
    return [(head, " ".join(text)) for head, text in found]


def item_names(lines):
    return [name for head, _text in items(lines) for name in head.split(" , ")]


def first_sentence(lines, at):
    """From a line on to the first one that ends in a full stop."""
    text = []
    for line in lines[at:]:
        text.append(line)
        if line.endswith("."):
            break
    return " ".join(text)


def documented_options(lines):
    """path -> "TYPE, RANGE; default VALUE."; a list of complaints."""
    options, twice = {}, []
    for at, line in enumerate(lines):
        match = re.fullmatch(r"\.It Ic ([a-z0-9_.\[\]]+)", line)
        if match:
            twice += [f"{match[1]} stands there twice"] * (match[1] in options)
            options[match[1]] = first_sentence(lines, at + 1)
    return options, twice


def named_options(lines):
    """(line number, path) of every option that a page speaks of (.Ic)."""
    for number, line in enumerate(lines, 1):
        words = line.split() if line.startswith(".") else []
        inside = False
        for word in words:
            if re.fullmatch(r"\.?[A-Z][a-z]", word):
                inside = word.lstrip(".") == "Ic"
            elif inside and re.fullmatch(r"[a-z][a-z0-9_.\[\]]*", word):
                yield number, word


# ---- what the program says of its options ----

def printed_options(text):
    """path -> value as printed, with its origin "default" or another: [ (value, origin) ]."""
    options, groups = {}, []
    for line in text.splitlines():
        words = line.strip()
        opened = re.fullmatch(r"([a-z0-9_]+): \{", words)
        value = re.fullmatch(r"(?:# )?([a-z0-9_]+) = (.*);( # .*)", words)
        element = re.fullmatch(r"([a-z0-9_]+) = \(( # .*)", words)
        path = ".".join(groups + [(opened or value or element or ("", ""))[1]])
        if opened:
            groups.append(opened[1])
        elif element:
            groups.append(element[1] + "[]")
            options[path] = ("(", element[2][3:])
        elif value:
            options[path] = (value[2], value[3][3:])
        elif words in ("};", ");"):
            groups.pop()
    return options


def nested(path, value):
    """("-o", OVERRIDE) that sets the option to the value, in the first element of every list on the way."""
    first, *rest = path.split("[].")
    for name in reversed(rest):
        value = f"( {{ {name} = {value}; }} )"
    return "-o", f"{first}={value}"


def wanted_of(path, is_array):
    """What the program says would be right for an option, in the manual's words; whether it must be given."""
    where = re.escape(path.replace("[]", "[0]"))
    _status, _out, err = run("-n", "-c", NOTHING, *nested(path, "5" if is_array else "( )"))
    match = re.search(rf"(?:^|[ :]){where}(?: ?= ?.*?)?: must be (.*)$", err, re.M)
    said = match[1] if match else f"(nothing: {err.strip()})"
    for pattern, words in WANTED:
        if re.fullmatch(pattern, said):
            said = re.sub(pattern, lambda found, words=words: found.expand(words), said)
            break
    parent = path.rpartition(".")[0]
    if not parent.endswith("[]"):
        return said, False
    _status, _out, err = run("-n", "-c", NOTHING, *nested(parent[:-2], "( { } )"))
    return said, bool(re.search(rf"{where}: is missing", err))


def sentence_of(path, defaults, with_elements):
    """What the manual must say of an option."""
    value = (with_elements[path] if "[]" in path else defaults[path])[0]
    said, required = wanted_of(path, value.startswith(("[", "(")))
    if required:
        return f"{said}; required."
    if value == "(":
        return f"{said}; default {DEFAULT_ELEMENTS[path]}."
    return f"{said}; default {value}."


def same_sentence(one, other):
    def plain(text):
        return re.sub(r"/(?:32|128)(?=\")", "", " ".join(text.split()))
    if SECRET in other:
        return plain(one).startswith(plain(other).partition("; default")[0] + "; default")
    return plain(one) == plain(other)


def program_options():
    """(defaults, with an element in every list), each path -> (value, origin)."""
    return (printed_options(printed("--print-config", "-c", NOTHING)),
            printed_options(printed("--print-config", "-c", NOTHING, *sample_overrides())))


# ---- mailreeve.conf(5) ----

def check_options(lines, defaults, with_elements):
    documented, twice = documented_options(between(lines, "options"))
    lists = [name for name, (value, _origin) in defaults.items() if value == "( )"]
    report("this test has an element for every list", [name for name in lists if name not in SAMPLES])
    compare("every option is in mailreeve.conf(5), and nothing else", documented, with_elements)
    report("every option is documented once", twice)
    wrong = []
    for path, sentence in documented.items():
        if path in with_elements:
            right = sentence_of(path, defaults, with_elements)
            if not same_sentence(sentence, right):
                wrong.append(f'{path}: the manual says "{sentence}", the program "{right}"')
    report("types, ranges and defaults are the program's", wrong)


def check_named(with_elements):
    known = set(with_elements)
    for path in with_elements:
        while "." in path:
            path = path.rpartition(".")[0]
            known.add(path)
    report("every option that a page speaks of exists",
           [f"{name}:{number}: {path}" for name in ("mailreeve.8", "mailreeve.conf.5")
            for number, path in named_options(page_lines(name)) if path not in known])


def examples(lines):
    """(line number, text) of every display behind the comment `example`."""
    for at, line in enumerate(lines):
        if line == '.\\" example':
            end = lines.index(".Ed", at)
            yield at + 2, "\n".join(lines[at + 2:end]).replace("\\e", "\\") + "\n"


def valid(path):
    """(exit status, what `mailreeve -n` says). The account need not be there on every machine."""
    status, out, err = run("-n", "-c", str(path), "-o", "user=root", "-o", "socket_group=")
    return status, out, err.strip()


def check_examples(lines):
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as directory:
        for number, text in examples(lines):
            path = pathlib.Path(directory) / f"example-{number}"
            path.touch(0o600)  # some have secrets
            path.write_text(text, encoding="utf-8")
            status, _out, err = valid(path)
            wrong += [f"line {number}: {err}"] * (status != 0)
            count += 1
    report("every example of mailreeve.conf(5) is valid", wrong if count else ["there is none"])


def check_shipped(with_elements):
    path = top / "conf" / "mailreeve.conf"
    status, out, err = valid(path)
    report("conf/mailreeve.conf is valid", [err] * (status != 0))
    report("conf/mailreeve.conf gives no warning", re.findall(r"^warning: (.*)", out, re.M))
    names = {name.rpartition(".")[2] for name in with_elements}
    commented = re.findall(r"^\s*# ([a-z0-9_]+) = .*;", path.read_text(encoding="utf-8"), re.M)
    report("every option in its comments exists", [name for name in commented if name not in names])


# ---- mailreeve(8) ----

def check_command_line(lines):
    help_text = printed("--help")
    real = dict(re.findall(r"^  (?:-\w, |    )(--[a-z-]+)( [A-Z=]+)?", help_text, re.M))
    letters = set(re.findall(r"^  (-\w), --", help_text, re.M))
    page = {}
    for head, _text in items(between(lines, "options"), "Fl"):
        for option in head.split(" , "):
            words = option.removeprefix("Fl ").split()
            page["-" + words[0]] = "Ar" in words
    compare("every command-line option is in mailreeve(8), and nothing else", page, set(real) | letters)
    report("options have an argument where the program wants one",
           [name for name in real if name in page and page[name] != bool(real[name])])
    start = lines.index(".Sh SYNOPSIS")
    synopsis = " ".join(lines[start:lines.index(".Sh DESCRIPTION")])
    shown = set()
    for word in re.findall(r"Fl (-?[A-Za-z-]+)", synopsis) + re.findall(r"\| ([A-Z])(?= |$)", synopsis):
        shown |= {"-" + word} if word.startswith("-") else {"-" + letter for letter in word}
    long_only = set(re.findall(r"^      (--[a-z-]+)", help_text, re.M))
    compare("the synopsis has every option", shown, letters | long_only)


def check_exit_codes(lines):
    real = dict(re.findall(r"^  +(\d+)  (.*)", printed("--help").partition("exit status:")[2], re.M))
    page = dict(items(between(lines, "exit codes")))
    compare("every exit status is in mailreeve(8), and nothing else", page, real)
    report("exit statuses mean what the program says",
           [f'{code}: "{page[code]}" is "{text}"' for code, text in real.items() if page.get(code, text) != text])


def check_facts(lines):
    real = [line.split()[0] for line in printed("--print-facts", "-c", NOTHING, *sample_overrides()).splitlines()
            if line]
    compare("every fact is in mailreeve(8), and nothing else",
            [name.lower() for name in item_names(between(lines, "facts"))], real)


def source(name):
    """A source file without its comments."""
    return re.sub(r"/\*.*?\*/", "", (top / "src" / name).read_text(encoding="utf-8"), flags=re.S)


def literals(text):
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def source_log_keys():
    text = source("engine/report.c")
    keys = re.findall(r'add_bracketed\(line, "([a-z_]+)"', text)
    for literal in literals(text):
        keys += re.findall(r"(?:^|[ ])([a-z_]+)=", literal)
    return keys


def check_log_keys(lines):
    documented = item_names(between(lines, "log keys"))
    compare("every log key is in mailreeve(8), and nothing else", documented, source_log_keys())
    real = real_log_lines()
    if real is None:
        print("ok - real log lines # SKIP the milter client of tests/milter is not there")
        return
    orders = [re.findall(r' ([a-z_]+)=(?:"[^"]*"|\S*)', line) for line in real]
    wrong = [f"unknown key {key}" for order in orders for key in order if key not in documented]
    wrong += [" ".join(order) for order in orders if order != [key for key in documented if key in order]]
    report("real log lines have these keys in this order", wrong if real else ["nothing was logged"])


def real_log_lines():
    """The log lines of some messages, sent to the daemon; None when there is nothing to send them with."""
    sys.path.insert(0, str(top / "tests" / "milter"))
    try:
        from daemon import Daemon, wait_until
        from smtp_front import SmtpFront
    except ImportError:
        return None
    zone = "7.113.0.203.in-addr.arpa PTR dyn-7.example.net\ndyn-7.example.net A !servfail\n"
    overrides = ["mode=monitor", "policy.reject=1.0", "rdns.points.dynamic=4.0",
                 'policy.groups=( { name = "identity"; facts = [ "rdns.*" ]; cap = 2.0; } )']
    with Daemon(overrides=overrides, zone=zone, config=NOTHING) as daemon:
        for auth in ("", "somebody"):
            front = SmtpFront(daemon.session(), "203.0.113.7", 40000, auth)
            front.banner()
            for command in (b"EHLO mail.example.net", b"MAIL FROM:<a@example.net>", b"RCPT TO:<b@example.org>",
                            b"RCPT TO:<c@example.org>", b"DATA"):
                front.command(command)
            front.message([("Subject", "test")], b"test\r\n")
            front.command(b"QUIT")
        wait_until(lambda: daemon.log_text().count("stage=eom") == 2, "two verdicts")
        return [line for line in daemon.log_text().splitlines() if " sid=" in line]


def check_statistics(lines):
    text = source("daemon/stats.c")
    keys = ["dns_" + name for name in re.findall(r'\{ "([a-z_]+)", ', text)]
    for literal in literals(text):
        keys += re.findall(r" ([a-z_]+)=%", literal)
    keys += re.findall(r'\[ACTION_\w+\] = "([a-z]+)"', source("policy/judge.c"))
    compare("every key of the statistics is in mailreeve(8), and nothing else",
            item_names(between(lines, "statistics")), keys)


def check_metrics(lines):
    """What a running daemon shows is compared by tests/milter/test_metrics.py; here also what it does not show at once."""
    real = {name for literal in literals(source("daemon/metrics_text.c"))
            for name in re.findall(r"^mailreeve_[a-z_]+$", literal)}
    compare("every metric is in mailreeve(8), and nothing else", item_names(between(lines, "metrics")), real)


def check_replies(lines):
    text = source("policy/reply.c")
    classes = re.findall(r'"(\d+\.\d+)"', text)
    address = re.search(r'CLASS_ADDRESS "([\d.]+)"', text).group(1)
    real = [f"{about_address if last.startswith(address) else code} {digit}.{last}"
            for code, about_address, digit in re.findall(r"\"(\d{3})\", \"(\d{3})\", '(\d)'", text) for last in classes]
    compare("every reply code is in mailreeve(8), and nothing else", item_names(between(lines, "replies")), real)


def check_restart(pages):
    body = source("daemon/settings.c").partition("void setup_log_fixed(")[2].partition("\n}\n")[0]
    real = re.findall(r'\{ "([a-z_]+)", old', body) + re.findall(r'log_warning\("([a-z_.]+) = ', body)
    for name, lines in pages.items():
        page = [path for _number, path in named_options(between(lines, "restart"))]
        compare(f"{name} names what takes effect at a restart only", page, real)


# ---- as documents ----

def check_documents(names=("mailreeve.8", "mailreeve.conf.5")):
    for name in names:
        path = str(top / "man" / name)
        if shutil.which("mandoc"):
            done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", path], capture_output=True, text=True,
                                  check=False)
            report(f"mandoc has nothing to say about {name}", done.stdout.splitlines())
        else:
            print(f"ok - mandoc on {name} # SKIP it is not installed")
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-mdoc", "-Tutf8", "-ww", "-z", path], capture_output=True, text=True,
                                  check=False)
            report(f"groff has nothing to say about {name}", done.stderr.splitlines())
        else:
            print(f"ok - groff on {name} # SKIP it is not installed")


def main():
    if not os.access(program, os.X_OK):
        sys.exit(f"not ok - {program} is not there: build first, or let MAILREEVE name the program")
    pages = {name: page_lines(name) for name in ("mailreeve.8", "mailreeve.conf.5")}
    defaults, with_elements = program_options()
    check_options(pages["mailreeve.conf.5"], defaults, with_elements)
    check_named(with_elements)
    check_examples(pages["mailreeve.conf.5"])
    check_shipped(with_elements)
    for check in (check_command_line, check_exit_codes, check_facts, check_log_keys, check_statistics, check_metrics,
                  check_replies):
        check(pages["mailreeve.8"])
    check_restart(pages)
    check_documents()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
