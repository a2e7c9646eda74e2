#!/usr/bin/env python3
"""What two servers answered differently to the same calls: compare.py FAKE.json MOTO.json.

Members that moto sends and the fake never does are told, so are calls that moto refused with a code that the fake never
gives. Differences that are known, each with its reason, are in known.py; any other fails.
"""

import collections
import json
import sys

from known import KNOWN_MEMBERS


def members(calls):
    """Operation → paths of all that was ever answered with success."""
    found = collections.defaultdict(set)
    for call in calls:
        if call["error"] is None:
            found[call["operation"]] |= set(call["shape"])
    return found


def codes(calls):
    """Operation → the codes of refusals."""
    found = collections.defaultdict(set)
    for call in calls:
        if call["error"]:
            found[call["operation"]].add(call["error"])
    return found


def is_known(path, known):
    return any(path == k or path.startswith((k + ".", k + "[]")) for k in known)


def main():
    fake, moto = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    fake_members, moto_members = members(fake), members(moto)
    bad = 0
    for operation in sorted(moto_members):
        if operation not in fake_members:
            print(f"{operation}: moto answers, the fake was not asked or refused")
            bad += 1
            continue
        # A list that is empty here and full there is no difference of members.
        there = fake_members[operation]
        missing = {
            path
            for path in moto_members[operation] - there
            if not any(other.startswith((path + ".", path + "[]")) for other in there)
        }
        for path in sorted(missing):
            if not is_known(path, KNOWN_MEMBERS.get(operation, ())):
                print(f"{operation}: moto has {path}, the fake never")
                bad += 1
    fake_codes, moto_codes = codes(fake), codes(moto)
    for operation in sorted(moto_codes):
        for code in sorted(moto_codes[operation] - fake_codes[operation]):
            print(f"{operation}: moto refuses with {code}, the fake never")
            bad += 1
    print(f"{len(moto_members)} operations compared, {bad} differences that are not known")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
