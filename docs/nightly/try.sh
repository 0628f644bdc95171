#!/usr/bin/env bash
# Four nights of the nightly job on the sandbox: quiet, drift, still drift, fixed. `make nightly` runs it.
#
#   try.sh REGIONCTL FOLDER
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

# Stands in for GitHub's own: prints its arguments, and knows whether the one issue is open.
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
        echo "try: the night ended with $code instead of $expected" >&2
        exit 1
    fi
}
regionctl sandbox seed
regionctl apply --yes regions/eu-central-1.yaml >/dev/null 2>&1
night 0 "The first night: all is well."
regionctl sandbox tamper
night 2 "The second night: three settings were changed by hand. An issue is opened."
night 2 "The third night: nobody fixed them. Nothing is new, so Slack is quiet, and the issue is updated."
[ ! -s "$out/slack.json" ] || { echo "try: there was nothing new to say" >&2; exit 1; }
regionctl apply --yes regions/eu-central-1.yaml >/dev/null 2>&1
night 0 "The fourth night: all is fixed. The issue is closed."
grep -q "is what the spec says again" "$out/slack.json" || { echo "try: Slack was not told" >&2; exit 1; }
printf '\nThe reports are in %s; open report.html.\n' "$2"
