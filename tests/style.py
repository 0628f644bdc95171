#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what no other linter does: wording, file sizes, license headers, links in documents, and the MSRV.

    python3 tests/style.py [ROOT]            prints each violation as `file:line: [rule] message`; exit 1 if there is one
    python3 tests/style.py --metadata FILE   also checks the Rust versions in `cargo metadata`'s output

It needs nothing but Python. tests/style.rs plants a violation of every rule and expects it to be found.
"""

import json
import re
import sys
import urllib.parse
from pathlib import Path

LICENSE = "SPDX-License-Identifier: Apache-2.0"
MAX_LINES = 500
CODE = (".rs", ".py", ".sh")
PROSE = (*CODE, ".md", ".yaml", ".yml", ".json", ".snap", ".toml", ".css", ".js", ".svg")
# The word list itself, and data that others wrote.
EXEMPT = {"tests/style.py", "tests/style.rs", "Cargo.lock"}
SKIPPED_FOLDERS = {"target", ".git", ".ci", "node_modules"}

# Wording that readers stumble over, with what to write instead. An underscore ends a word, so names count too.
WORDS = [
    (r"mend(s|ed|ing)?", "fix"),
    (r"in[ _]the[ _]box", "the embedded AWS emulator"),
    (r"on[ _](its|their|the)[ _]way", "in progress"),
    (r"coming", "in progress"),
    (r"whole[ _]truth", "incomplete"),
    (r"for[ _]ever", "never expires"),
    (r"births?|born", "creation, created"),
    (r"deeds?", "audit events"),
    (r"told[ _]apart", "attribution, distinguished"),
    (r"steady(?!_tick)", "without transient values"),
    (r"survey(s|ed)?", "refresh"),
    (r"settle[sd]?", "wait, converge"),
    (r"stands?", "represents, matches, is"),
    (r"otherwise[ _]than", "differently from"),
    (r"has[ _]it[ _]not", "does not have it"),
    (r"nobody[ _]is[ _]there", "stdin is not a terminal"),
    (r"anew", "again"),
    (r"behind[ _]\S+[ _]back", "outside regionctl"),
    (r"(take|takes|taken|taking|took)[ _]over", "copy, copied"),
    (r"lets?[ _]through", "allows"),
    (r"(as|what)[ _]the[ _]spec[ _]says", "matches the spec"),
    (r"people[ _]owe", "waits for a person"),
    (r"prove[ _]that[ _]it[ _]is[ _]done", "verify"),
    (r"whom", "who, or a new sentence"),
    (r"thereby|wherein", "a new sentence"),
    (r"anything[ _]but", "not"),
    (r"works[ _]otherwise", "behaves differently"),
    (r"(cannot|could not) be kept", "could not be saved"),
    (r"(was|were|is|are) told", "was notified, accepted"),
    (r"did not (get there|take)", "never became ready, still differs"),
    (r"what is not seen", "the plan is incomplete"),
    (r"lets the caller not", "denied"),
    (r"is not one but", "matches N; expected one"),
    (r"what should be said", "informational"),
    (r"to the world", "to everyone"),
]
WORDS = [(re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", re.IGNORECASE), instead) for word, instead in WORDS]

LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def files(root: Path):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not SKIPPED_FOLDERS & set(relative.parts):
            yield path, relative.as_posix()


def prose(path: Path, name: str, text: str):
    """Banned wording. The changelog may name old fields inside backticks."""
    for number, line in enumerate(text.splitlines(), 1):
        if name == "CHANGELOG.md":
            line = re.sub(r"`[^`]*`", "", line)
        for word, instead in WORDS:
            if found := word.search(line):
                yield number, "wording", f"'{found.group()}': write {instead}"


def size(path: Path, name: str, text: str):
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield lines, "size", f"{lines} lines; a file has {MAX_LINES} at most"


def license_header(path: Path, name: str, text: str):
    if LICENSE not in "\n".join(text.splitlines()[:2]):
        yield 1, "license", f"the first or second line must contain '{LICENSE}'"


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def outside_fences(text: str):
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(path: Path) -> set[str]:
    headings = (line for _, line in outside_fences(path.read_text()) if line.startswith("#"))
    return {slug(heading.lstrip("#")) for heading in headings}


def links(path: Path, name: str, text: str):
    """Relative links: the file exists, and so does the heading or the line."""
    for number, line in outside_fences(text):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            place = (path.parent / urllib.parse.unquote(file)).resolve() if file else path
            if not place.exists():
                yield number, "link", f"{target} does not exist"
            elif at := re.fullmatch(r"L(\d+)", anchor):
                if int(at[1]) > len(place.read_text().splitlines()):
                    yield number, "link", f"{target}: the file has fewer lines"
            elif anchor and place.suffix == ".md" and anchor not in anchors(place):
                yield number, "link", f"{target}: no heading has this anchor"


def msrv(root: Path, metadata: dict):
    """No dependency may need a newer Rust than the workspace promises."""
    version = lambda text: tuple(int(part) for part in (text.split("-")[0] + ".0.0").split(".")[:3])
    promised = re.search(r'^rust-version = "([^"]+)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for package in metadata["packages"]:
        needed = package.get("rust_version")
        if needed and version(needed) > version(promised):
            yield "Cargo.toml", 1, "msrv", f"{package['name']} {package['version']} needs Rust {needed}; rust-version is {promised}"


def violations(root: Path):
    for path, name in files(root):
        if name in EXEMPT or path.suffix not in PROSE and path.name != "Makefile":
            continue
        text = path.read_text(errors="replace")
        checks = [prose]
        if path.suffix in CODE:
            checks += [size, license_header]
        if path.suffix == ".md":
            checks.append(links)
        for check in checks:
            for number, rule, message in check(path, name, text):
                yield name, number, rule, message


def main(arguments: list[str]) -> int:
    metadata = None
    if "--metadata" in arguments:
        at = arguments.index("--metadata")
        metadata = json.loads(Path(arguments[at + 1]).read_text())
        del arguments[at : at + 2]
    root = Path(arguments[0] if arguments else Path(__file__).parent.parent).resolve()
    found = list(violations(root))
    if metadata:
        found += msrv(root, metadata)
    for name, number, rule, message in found:
        print(f"{name}:{number}: [{rule}] {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
