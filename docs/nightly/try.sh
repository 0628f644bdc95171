#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the nightly job four times on the sandbox: no drift, drift, the same drift, fixed. `make nightly` runs it.
#
#   try.sh REGIONCTL DIRECTORY
set -eu
regionctl=$(cd "$(dirname "$1")" && pwd)/regionctl
mkdir -p "$2"
out=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REGIONCTL_SANDBOX="$work/sandbox.json" DRIFT_ISSUES=1 GITHUB_STEP_SUMMARY="$work/summary.md"
unset SLACK_WEBHOOK
rm -rf "$out"

# A substitute for `gh`: prints its arguments, and records whether the issue is open.
mkdir "$work/bin"
cat >"$work/bin/gh" <<'GH'
#!/usr/bin/env bash
issue=$(dirname "$0")/../issue
case "$1 $2" in
"issue list") [ ! -f "$issue" ] || echo "7 $(cat "$issue")" ;;
"issue create" | "issue reopen") echo OPEN >"$issue"; echo "gh $*" ;;
"issue close") echo CLOSED >"$issue"; echo "gh $*" ;;
*) echo "gh $*" ;;
esac
GH
chmod +x "$work/bin/gh"
PATH="$work/bin:$(dirname "$regionctl"):$PATH"

night() {
    local expected=$1 code=0
    printf '\n# %s\n' "$2"
    "$here/nightly.sh" "$out" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "try: nightly.sh exited with $code, expected $expected" >&2
        exit 1
    fi
}
regionctl sandbox seed
regionctl apply --yes regions/eu-central-1.yaml >/dev/null 2>&1
night 0 "The first night: no drift."
regionctl sandbox tamper
night 2 "The second night: three settings were changed by hand. An issue is opened."
night 2 "The third night: nothing is new. Nothing is sent to Slack, and the issue is updated."
[ ! -s "$out/slack.json" ] || { echo "try: slack.json should be empty" >&2; exit 1; }
regionctl apply --yes regions/eu-central-1.yaml >/dev/null 2>&1
night 0 "The fourth night: the drift is fixed. The issue is closed."
grep -q "matches the spec again" "$out/slack.json" || { echo "try: slack.json does not report the fix" >&2; exit 1; }
printf '\nThe reports are in %s; open report.html in a browser.\n' "$2"
