"""What regionctl costs, as counts and ratios: depth, calls, memory, start-up, and growth.

A loopback endpoint adds 50 ms to every answer, so wall time divided by 50 ms is the number of round trips that follow
each other; everything that does not depend on another read must run at once. Prints one table; fails if a bound of
the design is exceeded.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

DELAY_MS = 50
SPEC = "regions/eu-central-1.yaml"
BOUNDS = {"depth": 7.0, "memory": 60.0, "start-up": 20.0}

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
    """A sandbox file, served with a delay."""

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
    """The run least disturbed by the rest of the machine."""
    return min((run(args) for _ in range(times)), key=lambda result: result[0])


def calls(stderr):
    return int(re.search(r"(\d+) calls in all", stderr)[1])


def plan(spec, url):
    wall, memory, stderr = best(5, ["plan", spec, "--stats", "--endpoint-url", url])
    return wall * 1000 / DELAY_MS, memory, calls(stderr)


def alarms_spec(folder, number):
    """A spec with so many alarms; the same that `sandbox seed --alarms` makes."""
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
        growth(folder, "log-groups", [100, 1000, 10000], lambda number: log_groups_spec(folder))
    if exceeded:
        sys.exit(f"over the bound: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
