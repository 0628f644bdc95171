# SPDX-License-Identifier: Apache-2.0
"""Checks that every member of AWS's responses has a row in a kind's answers.yaml.

answers.py KINDS [--coverage FILE]     checks all tables; tests/answers.rs writes KINDS in JSON
answers.py --self-check                checks that each planted fault is found
answers.py --members OPERATION ...     prints the rows that a table needs, such as 'S3 GetBucketCors'

The tables are checked against the service models of the installed botocore, whose version
tests/requirements.txt pins. Problems go to standard error, and the exit code is then 1.
"""

import argparse
import copy
import functools
import json
import re
import sys
from pathlib import Path

import botocore.session
import yaml

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "crates/aws/src/kinds"

# The SDK's service names, as FACTS state them, and botocore's.
SERVICES = {
    "CloudTrail": "cloudtrail",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": "logs",
    "EC2": "ec2",
    "Elastic Load Balancing v2": "elbv2",
    "IAM": "iam",
    "KMS": "kms",
    "Lambda": "lambda",
    "RDS": "rds",
    "Route 53": "route53",
    "S3": "s3",
    "SNS": "sns",
    "SQS": "sqs",
    "SSM": "ssm",
    "STS": "sts",
}

# Top-level members for paging. Tables have no rows for them.
PAGING = {
    "ContinuationToken", "IsTruncated", "KeyCount", "Marker", "MaxItems", "MaxKeys", "NextContinuationToken",
    "NextDNSName", "NextHostedZoneId", "NextMarker", "NextToken", "nextToken",
}

CLASSES = ["model", "extra", "identity", "volatile", "not_asked"]
# `Attributes{Policy}` is one entry of the map `Attributes{}`.
NAMED_ENTRY = re.compile(r"\{[^{}]+\}")
# A path in a model: names joined by dots; `[]` marks a list, `{}` a mapping.
PATH = re.compile(r"[a-z][a-z0-9_]*(\[\]|\{\})*(\.[a-z][a-z0-9_]*(\[\]|\{\})*)*")


class Loader(yaml.SafeLoader):
    """Refuses duplicate keys, of which PyYAML would use the last one."""


def mapping(loader, node):
    keys = [key.value for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate key '{key}'", node.start_mark)
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


@functools.cache
def service_model(service):
    return botocore.session.get_session().get_service_model(SERVICES[service])


@functools.cache
def members(operation):
    """Returns the leaf members of a response without paging, or None if the operation does not exist."""
    service, _, name = str(operation).rpartition(" ")
    if service not in SERVICES or name not in service_model(service).operation_names:
        return None
    output = service_model(service).operation_model(name).output_shape
    found = leaves(output, "", ()) if output else []
    return [member for member in found if member not in PAGING]


def leaves(shape, path, above):
    if shape.name in above:
        return [path + "…"]
    above = (*above, shape.name)
    if shape.type_name == "structure" and shape.members:
        inner = ((f"{path}.{name}" if path else name, member) for name, member in shape.members.items())
    elif shape.type_name == "list":
        inner = [(path + "[]", shape.member)]
    elif shape.type_name == "map":
        inner = [(path + "{}", shape.value)]
    else:
        # Also a structure without members, whose presence is the value.
        return [path] if path else []
    return [leaf for name, member in inner for leaf in leaves(member, name, above)]


def read_row(value):
    """Returns a row's class and mapping. Raises ValueError if the row is malformed."""
    if isinstance(value, str):
        value = {value: None}
        if not value.keys() <= {"volatile", "identity"}:
            raise ValueError("expected `volatile`, `identity` or a mapping")
    if not isinstance(value, dict):
        raise ValueError("expected `volatile`, `identity` or a mapping")
    classes = [name for name in CLASSES if name in value]
    if len(classes) != 1:
        raise ValueError(f"expected exactly one of {', '.join(CLASSES)}")
    [name] = classes
    allowed = {name, *({"why"} if name in ("model", "extra") else ()), *({"default"} if name == "extra" else ())}
    if unknown := sorted(str(key) for key in value.keys() - allowed):
        raise ValueError(f"'{unknown[0]}' is not allowed in {name}")
    if name in ("model", "extra") and not (isinstance(value[name], str) and PATH.fullmatch(value[name])):
        raise ValueError(f"'{value[name]}' is not a path in a model")
    if name == "extra" and "default" not in value:
        raise ValueError("an extra needs AWS's default; write `default: null` if AWS omits it")
    if name == "not_asked" and not value[name]:
        raise ValueError("not_asked needs a reason")
    reason = value.get("why") if name in ("model", "extra") else value[name]
    if reason is not None and not (isinstance(reason, str) and reason.strip()):
        raise ValueError("a reason must be a string")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError("not representable in JSON: quote dates") from None
    return name, value


class Table:
    """The checked table of a kind: its problems, and the class of each member."""

    def __init__(self, kind, document):
        self.problems = []
        self.kind = kind
        self.rows = []  # operation, member, class, mapping
        self.total = 0
        if not isinstance(document, dict) or not isinstance(document.get("operations"), dict):
            self.problem("`kind` and `operations` are required")
            return
        for key in sorted(map(str, document.keys() - {"kind", "operations", "not_read"})):
            self.problem(f"unknown key '{key}'")
        operations = document["operations"]
        declared = {f"{kind['service']} {operation}" for operation in kind["reads"]}
        for operation in sorted(declared - operations.keys()):
            self.problem(f"{operation}: the kind reads it, but the table does not have it")
        for operation, rows in operations.items():
            if operation not in declared:
                self.problem(f"{operation}: the kind does not declare that it reads it")
            self.check_operation(operation, rows)
        self.check_paths()
        self.check_fields(document.get("not_read") or {})

    def problem(self, text):
        self.problems.append(f"{self.kind['name']}: {text}")

    def check_operation(self, operation, rows):
        known = members(operation)
        if known is None:
            self.problem(f"{operation}: botocore has no such service or operation")
            return
        self.total += len(known)
        # An operation with an empty response has no rows.
        rows = {} if rows is None and not known else rows
        if not isinstance(rows, dict):
            self.problem(f"{operation}: its rows must be a mapping")
            return
        covered = {}
        for member, value in rows.items():
            where = f"{operation}: {member}"
            if member in PAGING:
                self.problem(f"{where}: paging is classified by tests/answers.py; remove the row")
                continue
            try:
                name, value = read_row(value)
            except ValueError as error:
                self.problem(f"{where}: malformed row: {error}")
                covered[member] = member
                continue
            is_prefix = isinstance(member, str) and member.endswith(".*")
            if is_prefix and name != "not_asked":
                self.problem(f"{where}: only not_asked may cover all members below a path")
            covers = [leaf for leaf in known if leaf.startswith(member[:-1])] if is_prefix else [member]
            is_entry = not is_prefix and member not in known and NAMED_ENTRY.sub("{}", str(member)) in known
            self.total += is_entry
            if not covers or not is_prefix and not is_entry and member not in known:
                self.problem(f"{where}: unknown member: it is not in AWS's response")
                continue
            for leaf in covers:
                if leaf in covered:
                    self.problem(f"{operation}: {leaf} has two rows: {covered[leaf]} and {member}")
                    continue
                covered[leaf] = member
                self.rows.append((operation, leaf, name, value))
        for leaf in known:
            if leaf not in covered:
                self.problem(f"{operation}: {leaf}: missing member: the table has no row for it")

    def check_paths(self):
        models = {value["model"] for _, _, name, value in self.rows if name == "model"}
        defaults = {}
        for operation, member, name, value in self.rows:
            if name != "extra":
                continue
            path, default = value["extra"], json.dumps(value["default"])
            if path in models:
                self.problem(f"{operation}: {member}: {path} is in the model and an extra")
            if defaults.setdefault(path, default) != default:
                both = f"{defaults[path]} and {default}"
                self.problem(f"{operation}: {member}: the extra {path} has two defaults, {both}")

    def check_fields(self, not_read):
        is_text = isinstance(not_read, dict) and all(isinstance(why, str) and why for why in not_read.values())
        if not is_text:
            self.problem("not_read must map fields to reasons")
            return
        if "fields" not in self.kind:
            return
        fields = set(self.kind["fields"])
        named = set()
        for operation, member, name, value in self.rows:
            if name == "model":
                field = re.split(r"[.\[{]", value["model"])[0]
                named.add(field)
                if field not in fields:
                    self.problem(f"{operation}: {member}: unknown model field: the model has no field '{field}'")
        for field in sorted(not_read.keys() - fields):
            self.problem(f"not_read: the model has no field '{field}'")
        for field in sorted(not_read.keys() & named):
            self.problem(f"not_read: a row names the field '{field}'")
        for field in sorted(fields - named - not_read.keys()):
            self.problem(f"no row names the model's field '{field}'; if no response has it, list it under not_read")

    def count(self, name):
        return sum(1 for _, _, kind, _ in self.rows if kind == name)


def load_tables():
    """Returns the tables by kind, and the problems of the files."""
    documents, problems = {}, []
    for path in sorted(TABLES.rglob("answers.yaml")):
        name = path.relative_to(ROOT).as_posix()
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), Loader)
        except yaml.YAMLError as error:
            problems.append(f"{name}: invalid YAML: {' '.join(str(error).split())}")
            continue
        kind = document.get("kind") if isinstance(document, dict) else None
        if not isinstance(kind, str):
            problems.append(f"{name}: `kind` is missing")
        elif kind in documents:
            problems.append(f"{name}: {kind} has two tables")
        else:
            documents[kind] = document
    return documents, problems


def check_tables(kinds, documents):
    """Checks that every kind has a table, and that every table is of a kind."""
    names = {kind["name"] for kind in kinds}
    problems = [f"{name}: this kind does not exist" for name in sorted(documents.keys() - names)]
    return problems + [f"{name} has no table: write its answers.yaml" for name in sorted(names - documents.keys())]


def check(kinds, documents):
    by_name = {kind["name"]: kind for kind in kinds}
    problems = check_tables(kinds, documents)
    tables = [Table(by_name[name], documents[name]) for name in sorted(documents.keys() & by_name.keys())]
    return tables, problems + [problem for table in tables for problem in table.problems]


def percent(part, whole):
    # Rounded down, so that 100 % means all.
    return f"{100 * part // whole} %" if whole else "–"


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def coverage(tables):
    columns = ["members read", "in the model", "extras", "identity", "volatile", "not asked", "accounted for"]
    columns.append("settings in the model")
    lines = [
        "# Coverage",
        "",
        "Every member of every response that a kind reads has a row in the kind's `answers.yaml`. A test checks the",
        f"tables against AWS's service models (botocore {botocore.__version__}) and keeps this page up to date.",
        "",
        "- **In the model**: a spec can state it, and `plan` and `drift` compare it.",
        "- **Extra**: a setting that a spec cannot state. It is reported if it differs from AWS's default.",
        "- **Identity**: it follows from the resource's name or id, or identifies the resource.",
        "- **Volatile**: it changes by itself: states, timestamps, statistics.",
        "- **Not asked**: the request excludes it, or AWS returns it for resources of another kind only.",
        "",
        "Settings are the members in the model and the extras. Paging members are not counted.",
        "",
        f"| kind | {' | '.join(columns)} |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for table in tables:
        counts = [table.count(name) for name in CLASSES]
        shares = [percent(len(table.rows), table.total), percent(counts[0], counts[0] + counts[1])]
        cells = [table.kind["name"], table.total, *counts, *shares]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for table in tables:
        extras = [(operation, member, value) for operation, member, name, value in table.rows if name == "extra"]
        if not extras:
            continue
        lines += ["", f"## Extras of {table.kind['name']}", "", "| extra | AWS's default | member | note |"]
        lines += ["| --- | --- | --- | --- |"]
        for operation, member, value in sorted(extras, key=lambda row: (row[2]["extra"], row[0], row[1])):
            default = json.dumps(value["default"], ensure_ascii=False, sort_keys=True)
            default = "not set" if default == "null" else f"`{cell(default)}`"
            cells = [f"`{value['extra']}`", default, f"{operation}: `{member}`", cell(value.get("why", "–"))]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def self_check():
    """Checks that each planted fault is found in a correct table."""
    kind = {"name": "test.kind", "service": "S3", "reads": ["GetBucketVersioning", "GetBucketCors"]}
    kind["fields"] = ["cors", "note", "versioning"]
    cors = dict.fromkeys(members("S3 GetBucketCors"), {"model": "cors[]"})
    versioning = {"Status": {"model": "versioning"}, "MFADelete": {"extra": "mfa_delete", "default": "Disabled"}}
    right = {
        "kind": "test.kind",
        "operations": {"S3 GetBucketVersioning": versioning, "S3 GetBucketCors": cors},
        "not_read": {"note": "AWS does not return it"},
    }

    def found(plant, kind=kind):
        document = copy.deepcopy(right)
        plant(document, document["operations"]["S3 GetBucketVersioning"])
        return Table(kind, document).problems

    def row(member, value):
        return lambda _, rows: rows.update({member: value})

    faults = [
        ("missing member", lambda _, rows: rows.pop("MFADelete")),
        ("unknown member", row("Colour", "volatile")),
        ("unknown member", row("Colour.*", {"not_asked": "why"})),
        ("unknown model field", row("Status", {"model": "colour"})),
        ("no row names the model's field 'versioning'", row("Status", "volatile")),
        ("no row names the model's field 'note'", lambda document, _: document.pop("not_read")),
        ("a row names the field 'versioning'", lambda document, _: document["not_read"].update(versioning="why")),
        ("the model has no field 'colour'", lambda document, _: document["not_read"].update(colour="why")),
        ("malformed row", row("Status", "volatil")),
        ("malformed row", row("Status", {"model": "versioning", "volatile": None})),
        ("malformed row", row("Status", {"model": "not a path"})),
        ("malformed row", row("MFADelete", {"extra": "mfa_delete"})),
        ("malformed row", row("MFADelete", {"not_asked": None})),
        ("malformed row", row("MFADelete", {"volatile": "why", "default": 1})),
        ("paging is classified", row("NextToken", "volatile")),
        ("only not_asked may cover", lambda document, _: document["operations"].update(
            {"S3 GetBucketCors": {"CORSRules[].*": "volatile"}})),
        ("has two rows", lambda document, _: document["operations"]["S3 GetBucketCors"].update(
            {"CORSRules[].*": {"not_asked": "why"}})),
        ("has two defaults", lambda document, _: document["operations"]["S3 GetBucketCors"].update(
            {"CORSRules[].ID": {"extra": "mfa_delete", "default": None}})),
        ("is in the model and an extra", row("MFADelete", {"extra": "versioning", "default": "Disabled"})),
        ("the kind reads it", lambda document, _: document["operations"].pop("S3 GetBucketCors")),
        ("does not declare that it reads it", lambda document, _: document["operations"].update(
            {"S3 GetBucketPolicy": {"Policy": "volatile"}})),
        ("no such service or operation", lambda document, _: document["operations"].update({"S3 GetColour": {}})),
        ("unknown key", lambda document, _: document.update(colour=1)),
    ]
    assert found(lambda *_: None) == [], found(lambda *_: None)
    for expected, plant in faults:
        problems = found(plant)
        assert any(expected in problem for problem in problems), f"not found: {expected}: {problems}"
    free = {key: value for key, value in kind.items() if key != "fields"}
    assert found(row("Status", {"model": "colour"}), free) == [], "without `fields`, no field is unknown"

    topic = {"name": "test.topic", "service": "SNS", "reads": ["GetTopicAttributes"]}
    rows = {"Attributes{}": "identity", "Attributes{Policy}": {"model": "policy"}}
    document = {"kind": "test.topic", "operations": {"SNS GetTopicAttributes": rows}}
    assert Table(topic, document).problems == [], "an entry of a map may have its own row"
    del rows["Attributes{}"]
    assert any("Attributes{}: missing member" in problem for problem in Table(topic, document).problems)

    assert check_tables([kind], {"test.kind": right}) == []
    assert any("has no table" in problem for problem in check_tables([kind], {}))
    assert any("does not exist" in problem for problem in check_tables([], {"other.kind": right}))

    try:
        yaml.load("a: 1\na: 2", Loader)
    except yaml.YAMLError as error:
        assert "duplicate key" in str(error)
    else:
        raise AssertionError("a duplicate key is not refused")
    print(f"{len(faults)} faults planted, {len(faults)} found")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="?", help="JSON: [{name, service, reads, fields}]; fields are optional")
    parser.add_argument("--coverage", metavar="FILE", help="write docs/coverage.md to FILE")
    parser.add_argument("--self-check", action="store_true", help="check that planted faults are found")
    parser.add_argument("--members", nargs="+", metavar="OPERATION", help="print the members of these responses")
    options = parser.parse_args()
    if options.self_check:
        return self_check()
    if options.members:
        for operation in options.members:
            print(f"  {operation}:")
            found = members(operation)
            if found is None:
                parser.error(f"botocore has no such service or operation: {operation}")
            for member in found:
                print(f"    {member}:")
        return None
    if not options.kinds:
        parser.error("KINDS is required")
    kinds = json.loads(Path(options.kinds).read_text(encoding="utf-8"))
    documents, problems = load_tables()
    tables, more = check(kinds, documents)
    problems += more
    if options.coverage:
        Path(options.coverage).write_text(coverage(tables), encoding="utf-8")
    if problems:
        sys.exit("\n".join(problems))
    return None


if __name__ == "__main__":
    main()
