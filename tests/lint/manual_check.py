#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""manual_check - mailreeve-check(1) says what the program does, and nothing that it does not.

Against --help, the members of --json, and mandoc and groff; the examples are run, and must print what the page shows.

Environment: MAILREEVE_CHECK names the program, SRCDIR the source tree. Prints as manual.py does; exit status 1 when
anything is not ok.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import manual

NAME = "mailreeve-check.1"
program = os.path.abspath(os.environ.get("MAILREEVE_CHECK", "mailreeve-check"))


def run(arguments, directory=None):
    """(exit status, standard output)"""
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          cwd=directory, check=False)
    return done.returncode, done.stdout


def page_options(lines):
    """Each option of the page -> does it want an argument?"""
    found = {}
    for head, _text in manual.items(manual.between(lines, "options"), "Fl"):
        for option in head.split(" , "):
            words = option.removeprefix("Fl ").split()
            found["-" + words[0]] = "Ar" in words or "Cm" in words
    return found


def check_options(lines):
    help_text = run(["--help"])[1]
    real = dict(re.findall(r"^  (?:-\w, |    )(--[a-z0-9-]+)( [^ ]+)?", help_text, re.M))
    letters = set(re.findall(r"^  (-\w), --", help_text, re.M))
    page = page_options(lines)
    manual.compare(f"every option is in {NAME}, and nothing else", page, set(real) | letters)
    manual.report("options have an argument where the program wants one",
                  [name for name in real if name in page and page[name] != bool(real[name])])
    synopsis = " ".join(lines[lines.index(".Sh SYNOPSIS"):lines.index(".Sh DESCRIPTION")])
    shown = {"-" + word for word in re.findall(r"(?:Fl|\|) (-[a-z0-9]+|[hV]\b)", synopsis)}
    manual.compare(f"the synopsis of {NAME} has every option", shown, set(real) | letters)
    usage = set(re.findall(r"--[a-z0-9]+", help_text.partition("\n\n")[0]))
    manual.compare("the usage line has every option", usage, real)


def check_exit_codes(lines):
    real = dict(re.findall(r"^  +(\d+)  (.*)", run(["--help"])[1].partition("exit status:")[2], re.M))
    manual.report(f"exit statuses are those of {NAME}",
                  [] if dict(manual.items(manual.between(lines, "exit codes"))) == real else [str(real)])


def check_example(name, files, command, output):
    """Run it with the displays as the files that the options name; its JSON object."""
    words = " ".join(command.replace("\\\n", " ").split()).split(" ")
    with tempfile.TemporaryDirectory() as directory:
        for option, text in files.items():
            (pathlib.Path(directory) / words[words.index(option) + 1]).write_text(text, encoding="utf-8")
        _status, printed = run(words[1:], directory)
        _status, object_text = run([*words[1:], "--json"], directory)
    manual.report(f"the example of {name} prints what the page shows", [] if printed == output else [f"\n{printed}"])
    return json.loads(object_text)


def check_examples(lines):
    """The objects of both; their files, command and output are displays behind the comment `example`."""
    shown = [text for _number, text in manual.examples(lines)]
    return (check_example("--spf", {"--zone": shown[0]}, *shown[1:3]),
            check_example("--dkim", {"--message": shown[3], "--zone": shown[4]}, *shown[5:]))


def members(found):
    """The names of all members, those of objects inside too."""
    names = set()
    for value in found if isinstance(found, list) else [found]:
        if isinstance(value, dict):
            names |= set(value).union(*(members(inner) for inner in value.values()))
    return names


def check_json(lines, marker, found):
    """The members are the items of the part; those of the objects inside are words of it."""
    part = manual.between(lines, marker)
    manual.compare(f"every member of the JSON object ({marker}) is in {NAME}, and nothing else",
                   manual.item_names(part), found)
    shown = [line for line in part if line.startswith((".Li ", ".It Li ", ".Pq Li "))]
    words = {word for line in shown for word in re.findall(r"\w+", line)}
    inside = members(found)
    manual.report(f"every member of the objects inside it ({marker}) is in {NAME}", sorted(inside - words - set(found)))


def check_document():
    path = str(manual.top / "man" / NAME)
    for tool, arguments in (("mandoc", ["-Tlint", "-W", "warning"]), ("groff", ["-mdoc", "-Tutf8", "-ww", "-z"])):
        if shutil.which(tool):
            done = subprocess.run([tool, *arguments, path], capture_output=True, text=True, check=False)
            manual.report(f"{tool} has nothing to say about {NAME}", (done.stdout + done.stderr).splitlines())
        else:
            print(f"skip - {tool} is not installed")


def main():
    if not os.access(program, os.X_OK):
        sys.exit(f"not ok - {program} is not there: build first, or let MAILREEVE_CHECK name the program")
    lines = manual.page_lines(NAME)
    check_options(lines)
    check_exit_codes(lines)
    spf, dkim = check_examples(lines)
    check_json(lines, "json", spf)
    check_json(lines, "json dkim", {**dkim, "signatures": [], "dmarc": {}})
    check_json(lines, "json signature", dkim["signatures"][0])
    check_json(lines, "json dmarc", dkim["dmarc"])
    check_document()
    return 1 if manual.failed else 0


if __name__ == "__main__":
    sys.exit(main())
