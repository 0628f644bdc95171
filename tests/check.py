# SPDX-License-Identifier: Apache-2.0
"""Validates files with the schemas and parsers of their formats: check.py SCHEMAS FORMAT=PATH ...

SCHEMAS is a JSON object from format to path of the schema. JUnit's schema is in a source archive (tar).
"""

import json
import re
import sys
import tarfile

import html5lib
import jsonschema
import xmlschema


def junit(text, schema):
    # The schema predates the attribute `skipped` of the root element.
    text = re.sub(r'(<testsuites [^>]*?) skipped="\d+"', r"\1", text, count=1)
    with tarfile.open(schema) as sources:
        name = next(name for name in sources.getnames() if name.endswith("/junit-10.xsd"))
        schema = sources.extractfile(name).read().decode()
    xmlschema.XMLSchema(schema).validate(xmlschema.XMLResource(text))


def json_schema(text, schema):
    with open(schema) as file:
        jsonschema.validate(json.loads(text), json.load(file))


def html(text, _):
    html5lib.HTMLParser(strict=True).parse(text)
    assert not re.search(r'(?:src|href)="(?!#)', text), "the page loads or links external resources"


CHECKS = {"junit": junit, "sarif": json_schema, "json": json_schema, "html": html}

schemas = json.loads(sys.argv[1])
for argument in sys.argv[2:]:
    kind, path = argument.split("=", 1)
    with open(path) as file:
        CHECKS[kind](file.read(), schemas.get(kind))
print("valid")
