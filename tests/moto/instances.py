# SPDX-License-Identifier: Apache-2.0
"""Calls of EC2 instances that moto lacks."""

from moto.core.responses import EmptyResult
from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociationBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.monitoring import Monitoring


def attributes_of_instances():
    """Makes moto support detailed monitoring, the shutdown behavior and the replacement of a profile.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_MonitorInstances.html
    """

    def monitor(self, state):
        items = ""
        for instance_id in self._get_param("InstanceIds", []):
            self.ec2_backend.get_instance(instance_id).monitoring_state = state
            monitoring = f"<monitoring><state>{state}</state></monitoring>"
            items += f"<item><instanceId>{instance_id}</instanceId>{monitoring}</item>"
        operation = self._get_action()
        return f"<{operation}Response><instancesSet>{items}</instancesSet></{operation}Response>"

    Monitoring.monitor_instances = lambda self: monitor(self, "enabled")
    Monitoring.unmonitor_instances = lambda self: monitor(self, "disabled")
    modify = InstanceResponse.modify_instance_attribute

    def change(self):
        behavior = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behavior is None:
            return modify(self)
        self.ec2_backend.get_instance(self._get_param("InstanceId")).instance_initiated_shutdown_behavior = behavior
        return EmptyResult()

    InstanceResponse.modify_instance_attribute = change
    replace = IamInstanceProfileAssociationBackend.replace_iam_instance_profile_association

    def replace_profile(self, *arguments, **options):
        """Also changes the profile that DescribeInstances returns."""
        association = replace(self, *arguments, **options)
        profile = {"Arn": association.iam_instance_profile.arn, "Id": association.association_id}
        self.modify_instance_attribute(association.instance_id, "iam_instance_profile", profile)
        return association

    IamInstanceProfileAssociationBackend.replace_iam_instance_profile_association = replace_profile
