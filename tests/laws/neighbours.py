# SPDX-License-Identifier: Apache-2.0
"""Law 5: an apply changes only what its spec states, in the resource and in its neighbors.

    neighbours.py EMULATOR REGIONCTL [--only TEXT] [--one-in N] [URL...]

EMULATOR is `moto` or `sandbox`. URLs are running moto servers (tests/moto/server.py); each runs one scenario at a time.
Without URLs, the servers are started here. The sandbox is started once per scenario, with its own file.

A scenario creates resources with boto3, reads everything that the services return, runs one `regionctl apply`, reads
everything again, and compares. The format of the scenario files is in neighbours/README.md.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import jmespath
import yaml

from compare import differences, flatten, matches, self_check, violations
from reads import REGION, Aws, dump, fill, plain

HERE = pathlib.Path(__file__).parent
FLAGS = ["--allow-large", "--allow-destroy", "--allow-interrupt"]
HEAD = f'region: {REGION}\naccount: "123456789012"\n'
MOTO_SERVERS = 3
SHOWN_OF_KNOWN = 3


def repeated(call):
    """Returns one call per value of `for: {name: [values]}`."""
    [(name, values)] = call.get("for", {"": [""]}).items()
    calls = [dict(call, **{"with": fill_one(call.get("with", {}), name, value)}) for value in values]
    return [dict(each, wait={}) for each in calls[:-1]] + calls[-1:]


def fill_one(value, name, put):
    if isinstance(value, dict):
        return {key: fill_one(item, name, put) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_one(item, name, put) for item in value]
    return value.replace(f"<<{name}>>", put) if name and isinstance(value, str) else value


class Scenario:
    def __init__(self, file, kind, data):
        self.file, self.kind = file, kind
        self.name = f"{kind['kind']}: {data['name']}"
        self.setup = [call for each in [*kind["setup"], *data.get("setup", [])] for call in repeated(each)]
        self.services = kind["reads"]
        self.spec = data["spec"]
        self.changes = data.get("changes", [])
        self.expect = data.get("expect", "applied")
        self.flags = data.get("flags", FLAGS)
        self.after = data.get("after", {})
        self.finds = data.get("find", {})
        self.says = data.get("says", [])
        self.emulators = data.get("emulators", ["moto", "sandbox"])
        self.known = data.get("known")
        self.lost = data.get("lost", [])
        self.is_first = False

    def known_on(self, emulator):
        return self.known.get(emulator) if isinstance(self.known, dict) else self.known

    def changes_on(self, emulator):
        """Yields the expected changes: paths, or `{path: …, only_on: [moto]}` for some emulators only."""
        for change in self.changes:
            if not isinstance(change, dict):
                yield change
            elif emulator in change["only_on"]:
                yield change["path"]

    def find(self, names, before, after):
        """Returns values that only the apply created or deleted: `find: {name: [response, JMESPath]}`."""
        found = {}
        for name, (answer, where) in fill(self.finds, names).items():
            found[name] = plain(jmespath.search(where, after[answer]) or jmespath.search(where, before[answer]))
        return found

    def prepare(self, aws, emulator):
        """Makes the calls of `setup`, and returns the saved values."""
        names = {}
        for call in self.setup:
            if emulator in call.get("not_on", {}):
                continue
            service, operation = call["call"].split()
            parameters = fill(call.get("with", {}), names)
            try:
                answer = aws.call(service, operation, parameters, call.get("region", REGION))
            except Exception as error:
                raise Failed(f"setup: {call['call']} {call.get('with')}: {error}") from error
            for name, where in call.get("save", {}).items():
                names[name] = plain(jmespath.search(where, answer))
                if names[name] is None:
                    raise Failed(f"setup: {call['call']}: {where} is not in the response")
            time.sleep(call.get("wait", {}).get(emulator, 0))
        return names

    def run(self, url, emulator, regionctl, folder):
        """Returns the faults."""
        aws = Aws.at(url)
        names = self.prepare(aws, emulator)
        before = dump(aws, self.services)
        ended = apply(regionctl, url, HEAD + fill(self.spec, names), self.flags, folder)
        after = dump(aws, self.services)
        found = differences(before, after)
        faults = []
        expected = {"applied": 0, "refused": 3}[self.expect]
        if ended.returncode != expected:
            faults.append(f"exit code {ended.returncode}, expected {expected}\n{ended.stdout}{ended.stderr}")
        names.update(self.find(names, before, after))
        changes = [fill(change, names) for change in self.changes_on(emulator)]
        faults += violations(found, changes)
        settings = dict(flatten(after))
        for pattern, value in fill(self.after, names).items():
            values = [settings[path] for path in settings if matches(pattern, path)]
            if not values or any(text != value for text in values):
                faults.append(f"after: {pattern} is {values}, expected {value}")
        for text in self.says:
            if text not in ended.stdout + ended.stderr:
                faults.append(f"the output does not contain '{text}':\n{ended.stdout}{ended.stderr}")
        # Check that the comparison can fail.
        if found and not violations(found, []):
            faults.append("self-check: no fault without `changes`")
        if not violations(found, [*changes, "nowhere/*"]):
            faults.append("self-check: no fault with a wrong path in `changes`")
        if self.known_on(emulator):
            faults = self.as_known(found, changes, fill(self.lost, names), faults)
        if self.is_first:
            faults += self.forgotten(emulator, names, before)
        return faults

    @staticmethod
    def as_known(found, changes, lost, faults):
        """Checks that a known violation loses exactly the paths in `lost`."""
        beyond = [fault for fault in violations(found, [*changes, *lost]) if fault.startswith("changed: ")]
        missing = [pattern for pattern in lost if not any(matches(pattern, path) for path in found)]
        if faults and (beyond or missing):
            return [UNKNOWN, *beyond, *[f"listed in `lost`, and not lost: {pattern}" for pattern in missing]]
        return faults

    def forgotten(self, emulator, names, answers):
        """Compares the parameters that the emulator does not return with `forgets` in the file."""
        given = json.dumps(list(flatten(answers)), default=str)
        lost = set()
        for call in self.setup:
            if emulator not in call.get("not_on", {}) and call["call"].split()[0] in self.services:
                for path, value in flatten(fill(call.get("with", {}), names)):
                    is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
                    if is_text and not re.search(NOT_RETURNED, path):
                        for part in str(value).split(", "):
                            text = part if part.startswith('"') else json.dumps(part)
                            # Numbers are matched as a whole, because random ids contain short ones.
                            bare = text.strip('"')
                            found = re.search(rf"(?<!\w){bare}(?!\w)", given) if bare.isdigit() else bare in given
                            if not found:
                                lost.add(f"{call['call'].split()[1]} {path}")
        said = set(self.kind.get("forgets", {}).get(emulator, []))
        if lost == said:
            return []
        return [f"forgets: {emulator}: found {json.dumps(sorted(lost))}, the file has {json.dumps(sorted(said))}"]


# Parameters of requests that no response contains.
NOT_RETURNED = r"(^|/)(MFA|Body|ZipFile|ClientToken|CallerReference|\(text\)|MinCount|MasterUserPassword|MaxCount)$"


# The first fault of a scenario with a known violation that fails in another way.
UNKNOWN = "this is not the known violation"


class Failed(Exception):
    pass


def apply(regionctl, url, spec, flags, folder):
    (folder / "spec.yaml").write_text(spec)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [regionctl, "apply", "--yes", *flags, "spec.yaml", "--endpoint-url", url]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


@contextlib.contextmanager
def server(command, **options):
    """Starts a server that prints its URL first, and stops it at the end."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http://127.0.0.1:"):
            raise Failed(f"the server did not start: {url}")
        yield url
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def sandbox(regionctl, folder):
    command = [regionctl, "--sandbox=sandbox.json", "sandbox", "serve", "--port", "0"]
    with server(command, cwd=folder, stderr=subprocess.DEVNULL) as url:
        yield url


class Motos:
    """A pool of moto servers. Each runs one scenario at a time."""

    def __init__(self, urls):
        self.free = queue.Queue()
        for url in urls:
            self.free.put(url)

    @contextlib.contextmanager
    def one(self):
        url = self.free.get()
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).read()
            yield url
        finally:
            self.free.put(url)


def scenarios():
    for file in sorted((HERE / "neighbours").glob("*.yaml")):
        kind = yaml.safe_load(file.read_text())
        for index, data in enumerate(kind["scenarios"]):
            scenario = Scenario(file, kind, data)
            scenario.is_first = index == 0
            yield scenario


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("emulator", choices=["moto", "sandbox"])
    parser.add_argument("regionctl")
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--only", default="", help="run only scenarios whose names contain this text")
    parser.add_argument("--one-in", type=int, default=1, help="run only every Nth scenario")
    options = parser.parse_args()
    self_check()
    wanted = [it for it in scenarios() if options.emulator in it.emulators and options.only in it.name][:: options.one_in]
    with contextlib.ExitStack() as stack:
        urls = options.urls
        if options.emulator == "moto" and not urls:
            command = [sys.executable, str(HERE.parent / "moto" / "server.py")]
            urls = [stack.enter_context(server(command)) for _ in range(MOTO_SERVERS)]
        motos = Motos(urls)

        def judge(scenario):
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                emulator = sandbox(options.regionctl, folder) if options.emulator == "sandbox" else motos.one()
                try:
                    with emulator as url:
                        faults = scenario.run(url, options.emulator, options.regionctl, folder)
                except Exception as error:  # the other scenarios are still reported
                    return scenario, [f"{type(error).__name__}: {error}"], True, time.monotonic() - started
            return scenario, faults, False, time.monotonic() - started

        failed = 0
        with concurrent.futures.ThreadPoolExecutor(MOTO_SERVERS) as pool:
            for scenario, faults, broken, took in pool.map(judge, wanted):
                known = scenario.known_on(options.emulator)
                if known and not broken and UNKNOWN not in faults:
                    is_fault, word = not faults, "known violation" if faults else "FIXED: remove its `known`"
                else:
                    is_fault, word = bool(faults), "VIOLATION" if faults else "holds"
                failed += is_fault
                out = sys.stderr if is_fault else sys.stdout
                print(f"{word}: {scenario.name} ({took:.1f} s)", file=out, flush=True)
                for fault in faults if is_fault else faults[:SHOWN_OF_KNOWN]:
                    print(f"    {fault}", file=out)
        print(f"{len(wanted)} scenarios on {options.emulator}, {failed} failed")
        assert wanted, "no scenario was run"
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
