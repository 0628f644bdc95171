#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Maintains one GitHub issue per region: opens, updates and closes it with the drift. Needs `gh`.
#
#   issues.sh REPORT
set -eu
report=${1:?usage: issues.sh REPORT}
body=$(mktemp)
trap 'rm -f "$body"' EXIT

regionctl report "$report" --format states | while IFS=$'\t' read -r region state findings; do
    label="drift-$region"
    known=$(gh issue list --label "$label" --state all --limit 1 --json number,state --jq '.[] | "\(.number) \(.state)"' </dev/null)
    number=${known%% *} is=${known##* }
    case $state in
    drift | unreadable)
        regionctl report "$report" --only "$region" --format comment >"$body"
        title="Drift in $region ($findings)"
        [ "$state" = unreadable ] && title="Drift in $region: the report is incomplete"
        if [ -z "$number" ]; then
            gh label create "$label" --force --description "drift of $region, maintained by regionctl" </dev/null
            gh issue create --title "$title" --label "$label" --body-file "$body" </dev/null
        else
            [ "$is" = OPEN ] || gh issue reopen "$number" </dev/null
            gh issue edit "$number" --title "$title" --body-file "$body" </dev/null
        fi
        ;;
    *)
        if [ "$is" = OPEN ]; then
            gh issue close "$number" --comment "$region matches its spec." </dev/null
        fi
        ;;
    esac
done
