# SPDX-License-Identifier: Apache-2.0
"""Corrections of moto's CloudWatch and CloudWatch Logs."""

import re
import time

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.logs.exceptions import LimitExceededException, ResourceNotFoundException
from moto.logs.models import LogGroup, LogsBackend, SubscriptionFilter
from moto.logs.responses import LogsResponse

OF_METRIC_FILTERS = (
    "filterName",
    "filterPattern",
    "logGroupName",
    "metricTransformations",
    "applyOnTransformedLogs",
    "fieldSelectionCriteria",
    "emitSystemFieldDimensions",
)
OF_SUBSCRIPTION_FILTERS = ("distribution", "applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields")


def filters_of_log_groups():
    """Makes moto replace a filter by its name, keep all members of filters, count metric filters, and delete filters
    with their log group (the API reference of PutMetricFilter, PutSubscriptionFilter and DeleteLogGroup)."""
    put_subscription, show = LogsResponse.put_subscription_filter, SubscriptionFilter.to_json
    delete_group, describe_group = LogsBackend.delete_log_group, LogGroup.to_describe_dict

    def group_of(self):
        group = self.logs_backend.groups.get(self._get_param("logGroupName"))
        if not group:
            raise ResourceNotFoundException
        return group

    def put_metric_filter(self):
        group, filters = group_of(self), self.logs_backend.filters
        sent = {name: self._get_param(name) for name in OF_METRIC_FILTERS}
        sent = {name: value for name, value in sent.items() if value is not None}
        name = (group.name, sent["filterName"])
        old = [it for it in filters.metric_filters if (it["logGroupName"], it["filterName"]) == name]
        created = old[0]["creationTime"] if old else int(time.time() * 1000)
        filters.metric_filters = [it for it in filters.metric_filters if it not in old]
        filters.metric_filters.append({**sent, "creationTime": created})
        group.metric_filters = lambda: sum(it["logGroupName"] == group.name for it in filters.metric_filters)
        return ""

    def put_subscription_filter(self):
        group, name = group_of(self), self._get_param("filterName")
        before = group.subscription_filters.pop(name, None)
        try:
            if len(group.subscription_filters) >= 2:
                raise LimitExceededException()
            answer = put_subscription(self)
        except Exception:
            if before:
                group.subscription_filters[name] = before
            raise
        sent = {field: self._get_param(field) for field in OF_SUBSCRIPTION_FILTERS}
        new = group.subscription_filters[name]
        new.kept = {field: value for field, value in sent.items() if value is not None}
        new.creation_time = before.creation_time if before else new.creation_time
        return answer

    def show_subscription_filter(self):
        shown = {**show(self), **getattr(self, "kept", {})}
        return {name: value for name, value in shown.items() if value is not None}

    def delete_log_group(self, log_group_name):
        delete_group(self, log_group_name)
        kept = [it for it in self.filters.metric_filters if it["logGroupName"] != log_group_name]
        self.filters.metric_filters = kept

    def describe_with_count(self):
        count = getattr(self, "metric_filters", lambda: 0)
        return {**describe_group(self), "metricFilterCount": count()}

    LogsResponse.put_metric_filter = put_metric_filter
    LogsResponse.put_subscription_filter = put_subscription_filter
    SubscriptionFilter.to_json = show_subscription_filter
    LogsBackend.delete_log_group = delete_log_group
    LogGroup.to_describe_dict = describe_with_count


def composite_alarms():
    """Makes moto support PutCompositeAlarm and its rules: the alarms in a rule exist and cannot be deleted before it,
    and alarms of all types share their names (the API reference of PutCompositeAlarm and DeleteAlarms)."""
    put, delete = CloudWatchResponse.put_metric_alarm, CloudWatchBackend.delete_alarms
    describe = CloudWatchResponse.describe_alarms
    child = re.compile(r'(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"?([^")]*)"?\s*\)')
    suppressor = ["ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"]
    members = [*suppressor, "ActionConfiguration"]

    def children(rule):
        return {name.strip().split(":alarm:")[-1] for name in child.findall(rule)}

    def checked(self, is_composite):
        name = self._get_param("AlarmName")
        existing = self.cloudwatch_backend.alarms.get(name)
        if existing and (existing.rule is not None) != is_composite:
            raise ValidationError(f"The alarm {name} has another type.")
        return put(self)

    def put_composite_alarm(self):
        alarms, rule = self.cloudwatch_backend.alarms, self._get_param("AlarmRule")
        if gone := sorted(children(rule) - alarms.keys()):
            names = ", ".join(gone)
            raise ValidationError(f"Could not save the composite alarm as alarms [{names}] in the alarm rule do not exist")
        answer = checked(self, True)
        alarm = alarms[self._get_param("AlarmName")]
        for member in members:
            if (value := self._get_param(member)) is not None:
                setattr(alarm, re.sub("(?<!^)(?=[A-Z])", "_", member).lower(), value)
        return answer

    def delete_alarms(self, alarm_names):
        kept = [alarm for name, alarm in self.alarms.items() if name not in alarm_names and alarm.rule is not None]
        for name in alarm_names:
            if any(name in children(alarm.rule) for alarm in kept):
                raise ValidationError(f"Cannot delete {name} as there are composite alarm(s) depending on it.")
        delete(self, alarm_names)

    def describe_alarms(self):
        answer = describe(self)
        types = self._get_param("AlarmTypes", ["MetricAlarm"])
        for kind in ("MetricAlarm", "CompositeAlarm"):
            if kind not in types:
                answer.result[f"{kind}s"] = []
        return answer

    CloudWatchResponse.put_metric_alarm = lambda self: checked(self, False)
    CloudWatchResponse.put_composite_alarm = put_composite_alarm
    CloudWatchResponse.describe_alarms = describe_alarms
    CloudWatchBackend.delete_alarms = delete_alarms
