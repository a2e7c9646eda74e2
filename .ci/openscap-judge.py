"""Counts what an auditor found, and holds it against the list of what may remain.

    openscap-judge.py WORDS RESULTS
    openscap-judge.py WORDS RESULTS LIST LEVEL AT_LEAST_PASS AT_MOST_FAIL
    openscap-judge.py WORDS RESULTS --without KIND LIST LEVEL

A line of the list: level, rule, result, kind, reason. What the auditor did not pass must be in it with that result, and
what is in it must not have passed. Only `kernel` depends on the machine that this runs on. With `--without`, the lines
of that kind are taken out first, and what is not a failure is not looked at.
"""

import collections
import sys
import xml.etree.ElementTree as tree

XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
OPEN = {"fail", "error", "unknown", "notchecked"}


def results_of(path):
    found = {}
    for result in tree.parse(path).iter(XCCDF + "rule-result"):
        found[result.get("idref").split("content_rule_")[1]] = result.findtext(XCCDF + "result")
    return found


def listed(path, level):
    lines = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 5 or not all(fields):
                sys.exit(f"{path}:{number}: expected level, rule, result, kind and reason")
            if int(fields[0]) <= level:
                lines[fields[1]] = fields[2:]
    return lines


def main():
    words, path, *rest = sys.argv[1:]
    found = results_of(path)
    counts = collections.Counter(found.values())
    passed, failed = counts["pass"], counts["fail"]
    others = ", ".join(f"{counts[name]} {name}" for name in ("error", "unknown", "notchecked", "notapplicable"))
    print(f"{words}: {passed} pass, {failed} fail, score {100 * passed / (passed + failed):.1f}; {others}")
    if not rest:
        return
    without = None
    if rest[0] == "--without":
        without, rest = rest[1], rest[2:]
    expected = listed(rest[0], int(rest[1]))
    wrong = []
    for rule, result in sorted(found.items()):
        line = expected.get(rule)
        if result not in OPEN or (without and result != "fail"):
            continue
        if line is None or line[0] != result or line[1] == without:
            wrong.append(f"{rule}: {result}, {'listed as ' + ' '.join(line[:2]) if line else 'not listed'}")
    if without is None:
        for rule, (result, kind, _) in sorted(expected.items()):
            if found.get(rule) not in OPEN and kind != "kernel":
                wrong.append(f"{rule}: listed as {result}, but the auditor says {found.get(rule, 'nothing')}")
        least, most = int(rest[2]), int(rest[3])
        if passed < least or failed > most:
            wrong.append(f"at least {least} rules have to pass and at most {most} may fail")
    if wrong:
        sys.exit("\n".join(wrong))


main()
