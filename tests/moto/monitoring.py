# SPDX-License-Identifier: Apache-2.0
"""Corrections of moto's CloudWatch and CloudWatch Logs."""

import time

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
