#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every case of ../shared/data/dkim/open against its policy2026, with the body cut in several ways.

usage: corpus.py [--verbose] [DKIMTOOL [DATA]]; DKIMTOOL may be in the environment

A row that does not agree must be listed, with its reason, in exceptions.tsv beside this file; a listed row that agrees
is an error as well, and so is any pass where policy2026 has none. Without the data: exit 77 (skipped).
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "..", "shared", "data", "dkim", "open")


def rows_of(path):
    """The rows of a file with tabs, without comments."""
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]


def read_cases(data):
    """{(project, case): (clock, [(signature, wanted)])}"""
    cases = {}
    for project in sorted(os.listdir(data)):
        expected = os.path.join(data, project, "expected.tsv")
        if not os.path.exists(expected):
            continue
        for case, clock, signature, _upstream, _strict, wanted, *_rest in rows_of(expected):
            cases.setdefault((project, case), (clock, []))[1].append((signature, wanted))
    return cases


def run_tool(tool, data, cases):
    """{(project, case): ([codes], [reasons], found, [cuts that differ])}"""
    order = list(cases)
    lines = []
    for project, case in order:
        stem = os.path.join(data, project, case)
        lines.append(f"{cases[project, case][0]}\t{stem}.eml\t{stem}.zone.txt\n")
    done = subprocess.run([tool, "/dev/null"], input="".join(lines).encode(), stdout=subprocess.PIPE, check=True,
                          timeout=600)
    answers, at = {}, -1
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("message "):
            at += 1
            answers[order[at]] = ([], [], 0, [])
        elif line.startswith("differs "):
            answers[order[at]][3].append(line.split()[1])
        elif line.startswith("found "):
            codes, reasons, _found, cuts = answers[order[at]]
            answers[order[at]] = (codes, reasons, int(line.split()[1]), cuts)
        else:
            part = line.split("\t")
            answers[order[at]][0].append(part[1])
            answers[order[at]][1].append(part[7])
    return answers


def whole(codes):
    """The code of a message: pass if any signature passes, none if there are none, else what it has."""
    if not codes:
        return ["none"]
    return ["pass"] if "pass" in codes else codes


def main():
    args = [arg for arg in sys.argv[1:] if arg != "--verbose"]
    verbose = len(args) < len(sys.argv) - 1
    data = args[1] if len(args) > 1 else DATA
    if not os.path.isdir(data):
        print("ok - the corpora of DKIM # SKIP ../shared/data/dkim/open is not there")
        return 77
    cases = read_cases(data)
    answers = run_tool(args[0] if args else os.environ["DKIMTOOL"], data, cases)
    exceptions = {tuple(row[:3]): row[3:] for row in rows_of(os.path.join(HERE, "exceptions.tsv"))}
    agree, excepted, wrong, false_pass, cut = 0, 0, 0, 0, 0
    for (project, case), (_clock, wants) in cases.items():
        codes, reasons, _found, cuts = answers[project, case]
        if cuts:
            cut += 1
            print(f"{project}/{case}: cut at {', '.join(cuts)} octets it has another result")
        for signature, wanted in wants:
            got = whole(codes) if signature == "*" else codes[int(signature):int(signature) + 1] or ["absent"]
            reason = "" if signature == "*" or int(signature) >= len(reasons) else reasons[int(signature)]
            listed = exceptions.pop((project, case, signature), None)
            if "pass" in got and wanted != "pass":
                false_pass += 1
                print(f"FALSE PASS {project}/{case} {signature}: {wanted} is wanted")
            elif wanted in got and listed is None:
                agree += 1
            elif wanted not in got and listed is not None:
                excepted += 1
            else:
                wrong += 1
                print(f"{project}/{case} {signature}: {'/'.join(got)} ({reason}), wanted {wanted}"
                      + (", and listed as an exception" if listed else ""))
            if verbose:
                print(f"  {project}/{case} {signature}: {'/'.join(got)} ({reason})")
    for key in exceptions:
        wrong += 1
        print(f"exceptions.tsv: there is no row {' '.join(key)}")
    for sentence, count in ((f"{agree} rows of {len(cases)} messages agree, {excepted} are listed exceptions", wrong),
                            ("no signature passes that must not", false_pass),
                            ("no result depends on how the body is cut", cut)):
        print(f"not ok - {sentence}: {count}" if count else f"ok - {sentence}")
    return 1 if wrong or false_pass or cut else 0


if __name__ == "__main__":
    sys.exit(main())
