# SPDX-License-Identifier: Apache-2.0
"""Measures regionctl: depth, calls, memory, start-up time, and growth.

A loopback endpoint adds 50 ms to every response, so wall time divided by 50 ms is the number of sequential round trips
(the depth): independent reads must run concurrently. Prints tables, and fails if a bound of the design is exceeded.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

DELAY_MS = 50
SPEC = "regions/eu-central-1.yaml"
BOUNDS = {"depth": 7.0, "memory": 60.0, "start-up": 20.0, "packages": 150.0}

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REGIONCTL = os.path.abspath(sys.argv[1])


def run(args, **environment):
    """Runs regionctl; returns wall seconds, peak memory in MiB, and standard error."""
    env = dict(os.environ, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench", **environment)
    started = time.perf_counter()
    child = subprocess.Popen(
        [REGIONCTL, *args], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    stderr = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"regionctl {' '.join(args)} failed:\n{stderr}")
    return wall, usage.ru_maxrss / 1024, stderr


class Served:
    """A server of a sandbox file, with a delay."""

    def __init__(self, sandbox):
        args = [REGIONCTL, f"--sandbox={sandbox}", "sandbox", "serve", "--port", "0", "--delay", str(DELAY_MS)]
        self.server = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.server.stdout.readline().strip()

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()


def best(times, args):
    """Returns the fastest of several runs, which other processes disturbed least."""
    return min((run(args) for _ in range(times)), key=lambda result: result[0])


def calls(stderr):
    return int(re.search(r"(\d+) calls in all", stderr)[1])


def plan(spec, url):
    wall, memory, stderr = best(5, ["plan", spec, "--stats", "--endpoint-url", url])
    return wall * 1000 / DELAY_MS, memory, calls(stderr)


def alarms_spec(folder, number):
    """Writes a spec with the alarms that `sandbox seed --alarms` creates."""
    path = os.path.join(folder, f"alarms-{number}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write('region: eu-central-1\naccount: "123456789012"\ncloudwatch.alarm:\n')
        for index in range(number):
            file.write(
                f"  bulk-{index:05} Errors: {{namespace: AWS/Lambda, metric: Errors, statistic: Maximum, "
                'comparison: ">=", threshold: 1, period: 15m}\n'
            )
    return path


def log_groups_spec(folder):
    path = os.path.join(folder, "log-groups.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write('region: eu-central-1\naccount: "123456789012"\nlogs.log_group:\n  "*": {retention_days: 365}\n')
    return path


def growth(folder, option, numbers, spec_of):
    for number in numbers:
        sandbox = os.path.join(folder, f"{option}-{number}.json")
        run(["sandbox", "seed", f"--{option}", str(number)], REGIONCTL_SANDBOX=sandbox)
        with Served(sandbox) as url:
            depth, memory, made = plan(spec_of(number), url)
        print(f"| {number} {option} | {made} | {depth:.1f} | {memory:.0f} |")


COPIES = """region: eu-central-1
account: "123456789012"
lambda.function:
  "*": {copy: eu-west-1}
ssm.document:
  "*": {copy: us-east-1}
"""


def copying(folder, functions):
    """Copies functions and a third as many documents. AWS's rates are the bound: 15 and 10 calls per second."""
    spec, sandbox = os.path.join(folder, "copies.yaml"), os.path.join(folder, "copies.json")
    with open(spec, "w", encoding="utf-8") as file:
        file.write(COPIES)
    run(["sandbox", "seed", "--functions", str(functions)], REGIONCTL_SANDBOX=sandbox)
    print("\n| copying | calls | seconds | MiB |\n| --- | ---: | ---: | ---: |")
    for what, args in [
        (f"apply of {functions} functions and {functions // 3} documents", ["apply", "--yes"]),
        ("plan after the apply", ["plan"]),
    ]:
        wall, memory, stderr = run([*args, spec, "--stats"], REGIONCTL_SANDBOX=sandbox)
        print(f"| {what} | {calls(stderr)} | {wall:.1f} | {memory:.0f} |", flush=True)


def packages(folder, number, megabytes):
    """Copies large packages on moto, if it is installed. Memory must not grow with their size."""
    python = os.path.join(ROOT, "target/moto/bin/python")
    if not os.path.exists(python):
        print("| large packages | not measured: install moto with `make test` | | |")
        return 0
    spec = os.path.join(folder, "packages.yaml")
    with open(spec, "w", encoding="utf-8") as file:
        file.write(COPIES.split("ssm.document")[0])
    command = [python, os.path.join(ROOT, "tests/moto/server.py")]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = server.stdout.readline().strip()
        subprocess.run([python, "-c", SEED_PACKAGES, url, str(number), str(megabytes)], check=True)
        wall, memory, stderr = run(["apply", "--yes", spec, "--stats", "--endpoint-url", url])
        print(f"| {number} packages of {megabytes} MB | {calls(stderr)} | {wall:.1f} | {memory:.0f} |")
        return memory
    finally:
        server.stdin.close()
        server.wait()


SEED_PACKAGES = """
import os, sys, boto3
url, number, megabytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="eu-west-1")
session.client("iam", endpoint_url=url).create_role(RoleName="lambda", AssumeRolePolicyDocument="{}")
for index in range(number):
    session.client("lambda", endpoint_url=url).create_function(
        FunctionName=f"large-{index}", Runtime="nodejs22.x", Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/lambda", Code={"ZipFile": os.urandom(megabytes * 10**6)},
    )
"""


def main():
    exceeded = []

    def bounded(name, value, unit):
        mark = "" if value <= BOUNDS[name] else "  EXCEEDED"
        print(f"| {name} | {value:.1f} {unit} | ≤ {BOUNDS[name]:.0f} {unit} |{mark}")
        if mark:
            exceeded.append(name)

    with tempfile.TemporaryDirectory() as folder:
        sandbox = os.path.join(folder, "sandbox.json")
        run(["sandbox", "seed"], REGIONCTL_SANDBOX=sandbox)
        run(["apply", "--yes", SPEC], REGIONCTL_SANDBOX=sandbox)
        with Served(sandbox) as url:
            depth, memory, made = plan(SPEC, url)
        start_up = best(20, ["--version"])[0] * 1000
        print("| plan of the converged region | measured | bound |\n| --- | ---: | ---: |")
        bounded("depth", depth, "×")
        bounded("memory", memory, "MiB")
        bounded("start-up", start_up, "ms")
        print(f"| calls | {made} | docs/calls.md |")
        print(f"| binary | {os.path.getsize(REGIONCTL) / 2**20:.1f} MiB | |")
        print("\n| growth | calls | depth | MiB |\n| --- | ---: | ---: | ---: |", flush=True)
        growth(folder, "alarms", [10, 100, 1000], lambda number: alarms_spec(folder, number))
        copying(folder, 150)
        if packages(folder, 3, 50) > BOUNDS["packages"]:
            exceeded.append("packages")
        print("\n| growth | calls | depth | MiB |\n| --- | ---: | ---: | ---: |", flush=True)
        growth(folder, "log-groups", [100, 1000, 10000], lambda number: log_groups_spec(folder))
    if exceeded:
        sys.exit(f"bounds exceeded: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
