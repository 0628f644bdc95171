#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A demo on the sandbox: plan, apply, drift and repair of a region. Needs only the binary, and can be repeated.
#
#   demo.sh REGIONCTL
set -u
regionctl=$1
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here" || exit 1
PATH="$(cd "$(dirname "$regionctl")" && pwd):$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REGIONCTL_SANDBOX="$work/sandbox.json"

bold=; plain=
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\033[1m'; plain=$'\033[0m'; fi

say() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
# Prints and runs a command, and stops the demo if the exit code is not the expected one.
run() {
    local expected=$1; shift
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
    local code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "demo: '$*' exited with $code, expected $expected" >&2
        exit 1
    fi
}

spec=regions/eu-central-1.yaml
say "Create an emulated AWS account with older regions and resources of other teams."
run 0 regionctl sandbox seed
say "Show the changes that the new region requires, and check permissions, quotas and availability."
run 0 regionctl plan --preflight $spec
say "Apply the changes."
run 0 regionctl apply --yes $spec
say "Plan again: only manual steps remain."
run 0 regionctl plan $spec
say "Send the unconfirmed subscription emails again."
run 0 regionctl apply --yes --resend $spec
say "Change three settings outside regionctl."
run 0 regionctl sandbox tamper
say "Drift detection reports exactly these changes (exit code 2)."
run 2 regionctl drift $spec
say "Revert the drift, and change nothing else."
run 0 regionctl apply --yes $spec
run 0 regionctl plan $spec

cat <<'END'

What to try next:
  export REGIONCTL_SANDBOX=.regionctl/sandbox.json PATH=$PWD/target/debug:$PATH
  regionctl sandbox seed                      create your own sandbox
  $EDITOR regions/base.yaml                   change a threshold or a rule, or make a typo
  regionctl plan -o plan.json regions/eu-central-1.yaml && regionctl apply plan.json
  regionctl drift --output html=report.html   write the drift report as an HTML page
  regionctl snapshot -o today.json            save the live state to a file, see docs/snapshots.md
  regionctl sandbox serve                     serve the sandbox for the AWS CLI
  regionctl plan regions/eu-central-1.yaml    without REGIONCTL_SANDBOX: plan against AWS, read-only
END
