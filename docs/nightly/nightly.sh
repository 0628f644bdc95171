#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The nightly drift job for any CI system: reads AWS once, writes all reports, and notifies the team.
#
#   nightly.sh DIRECTORY  writes the reports to DIRECTORY; DIRECTORY/last.json, if it exists, is the baseline
#
# Environment variables:
#   GITHUB_STEP_SUMMARY   file to append the summary to; annotations are printed as well
#   DRIFT_ISSUES=1        opens, updates or closes one GitHub issue per region, with `gh`
#   SLACK_WEBHOOK         URL to post new, changed and fixed findings to; nothing is posted if there are none
#   FAIL_ON               value of `regionctl drift --fail-on`; default: medium
#
# Exit codes: 0 no drift, 2 drift, 1 an error, an incomplete report or a failed notification.
set -u
out=${1:?usage: nightly.sh DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
rm -f "$out/report.json"

code=0
regionctl drift --unmanaged --fail-on "${FAIL_ON:-medium}" --baseline "$out/last.json" \
    --output json="$out/report.json" --output html="$out/report.html" --output markdown="$out/summary.md" \
    --output junit="$out/junit.xml" --output sarif="$out/drift.sarif" --output slack="$out/slack.json" \
    --output annotations="$out/annotations.txt" || code=$?
# Without a report there is nothing to send. The log has the error.
[ -s "$out/report.json" ] || exit "$code"

if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
    cat "$out/annotations.txt"
fi
notified=0
if [ "${DRIFT_ISSUES-}" = 1 ]; then
    "$here/issues.sh" "$out/report.json" || notified=$?
fi
if [ -n "${SLACK_WEBHOOK-}" ] && [ -s "$out/slack.json" ]; then
    curl --fail --silent --show-error --retry 3 --output /dev/null --header 'content-type: application/json' \
        --data "@$out/slack.json" "$SLACK_WEBHOOK" || notified=$?
fi
# After a failed notification the baseline stays the same, so that the next run reports the findings as new again.
if [ "$notified" -eq 0 ]; then
    cp "$out/report.json" "$out/last.json"
elif [ "$code" -eq 0 ]; then
    code=1
fi
exit "$code"
