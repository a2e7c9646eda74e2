#!/usr/bin/env python3
"""Checks CycloneDX documents against the format's own schema, and their package URLs.

    python3 -m venv target/sbom-venv
    target/sbom-venv/bin/pip install 'cyclonedx-python-lib[json-validation]==11.12.0'
    target/sbom-venv/bin/python .ci/check-sbom.py FILE...

A FILE is a document, or a snapshot of one (.snap), whose header is skipped.
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def document(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return text.split("\n---\n", 1)[1] if path.endswith(".snap") else text


def problems(text):
    content = json.loads(text)
    version = SchemaVersion.from_version(content["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    if error:
        # The rest of the message is the whole schema.
        yield f"not CycloneDX {content['specVersion']}: {str(error).splitlines()[0]}"
    for component in content["components"]:
        purl = component["purl"]
        try:
            canonical = PackageURL.from_string(purl).to_string()
        except ValueError as broken:
            yield f"{purl}: {broken}"
            continue
        if canonical != purl:
            yield f"{purl}: canonical is {canonical}"


def main(paths):
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        found = list(problems(document(path)))
        failed = failed or bool(found)
        print(f"{path}: {'valid' if not found else ''}")
        for problem in found:
            print(f"  {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
