#!/usr/bin/env bash
# The main job on the sandbox, from an empty region to a repaired one. Needs only the binary, and can be run again.
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
# Runs a command as a user would type it, and stops the demo if it does not end as it should.
run() {
    local expected=$1; shift
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
    local code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "demo: '$*' ended with $code instead of $expected" >&2
        exit 1
    fi
}

spec=regions/eu-central-1.yaml
say "An emulated AWS, with the company's older regions and resources that belong to others."
run 0 regionctl sandbox seed
say "What would it take to open Frankfurt, and would anything stop the apply in the middle?"
run 0 regionctl plan --preflight $spec
say "Apply it."
run 0 regionctl apply --yes $spec
say "Is it done? All except what only people can do."
run 0 regionctl plan $spec
say "Send the mails again that nobody has confirmed."
run 0 regionctl apply --yes --resend $spec
say "Somebody in a hurry clicks around in the console."
run 0 regionctl sandbox tamper
say "The nightly job finds exactly these changes (exit code 2)."
run 2 regionctl drift $spec
say "Repair it, and change nothing else."
run 0 regionctl apply --yes $spec
run 0 regionctl plan $spec

cat <<'END'

What to try next:
  export REGIONCTL_SANDBOX=.regionctl/sandbox.json PATH=$PWD/target/debug:$PATH
  regionctl sandbox seed                      a sandbox of your own
  $EDITOR regions/base.yaml                   change something: a threshold, a rule, a typo
  regionctl plan -o plan.json regions/eu-central-1.yaml && regionctl apply plan.json
  regionctl drift --output html=report.html   the same as a page, with rows and regions
  regionctl snapshot -o today.json            what AWS holds, as a file; docs/snapshots.md
  regionctl sandbox serve                     look at it with the AWS CLI
  regionctl plan regions/eu-central-1.yaml    without REGIONCTL_SANDBOX: AWS itself, read-only
END
