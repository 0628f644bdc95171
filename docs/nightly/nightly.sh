#!/usr/bin/env bash
# The nightly job, the same for every CI: one read, every report, then what the team sees.
#
#   nightly.sh FOLDER     writes the reports into FOLDER; FOLDER/last.json, if there, is the last night's report
#
# Environment variables decide what is done:
#   GITHUB_STEP_SUMMARY   the summary is added to it, and annotations are printed
#   DRIFT_ISSUES=1        one issue per region is opened, updated or closed, by `gh`
#   SLACK_WEBHOOK         what is new, changed or fixed is posted there; nothing if the day is like the one before
#   FAIL_ON               what makes the job fail, `medium` if it is not set: see `regionctl drift --help`
#
# Exit codes are regionctl's own: 0 quiet, 2 drift, 1 something could not be read.
set -u
out=${1:?the folder for the reports}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
rm -f "$out/report.json"

code=0
regionctl drift --unmanaged --fail-on "${FAIL_ON:-medium}" --baseline "$out/last.json" \
    --output json="$out/report.json" --output html="$out/report.html" --output markdown="$out/summary.md" \
    --output junit="$out/junit.xml" --output sarif="$out/drift.sarif" --output slack="$out/slack.json" \
    --output annotations="$out/annotations.txt" || code=$?
# Without a report there is nothing to tell: the job's log says why.
[ -s "$out/report.json" ] || exit "$code"

if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
    cat "$out/annotations.txt"
fi
told=0
if [ "${DRIFT_ISSUES-}" = 1 ]; then
    "$here/issues.sh" "$out/report.json" || told=$?
fi
if [ -n "${SLACK_WEBHOOK-}" ] && [ -s "$out/slack.json" ]; then
    curl --fail --silent --show-error --retry 3 --output /dev/null --header 'content-type: application/json' \
        --data "@$out/slack.json" "$SLACK_WEBHOOK" || told=$?
fi
# What could not be delivered is new again tomorrow; otherwise tomorrow is compared with this report.
if [ "$told" -eq 0 ]; then
    cp "$out/report.json" "$out/last.json"
elif [ "$code" -eq 0 ]; then
    code=1
fi
exit "$code"
