# SPDX-License-Identifier: Apache-2.0
"""Reads everything that AWS returns about resources, with boto3."""

import functools
import io
import re
import zipfile

import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session
import jmespath

REGION = "eu-central-1"


def reads_of_s3():
    """Returns every Get and List operation of S3 whose only required parameter is a bucket."""
    model = botocore.session.get_session().get_service_model("s3")
    # Deprecated operations that have a successor, objects (ListObjectVersions reads them), and what is not a setting.
    left_out = {
        "GetBucketLifecycle", "GetBucketNotification", "ListObjects", "ListObjectsV2", "ListMultipartUploads",
        "GetBucketMetadataTableConfiguration",
    }  # fmt: skip
    names = []
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        if re.match("Get|List", name) and name not in left_out and shape and shape.required_members == ["Bucket"]:
            names.append(name)
    return names


def each(source, found, *operations):
    """Returns reads for each value found in the response of `source`; `$` is replaced by the value."""
    return [(name, parameters, source, found) for name, parameters in operations]


def reads():
    """Returns the reads per service: operation, parameters, and the source of the values of `$`."""
    s3 = [(name, {"Bucket": "$"}) for name in reads_of_s3()]
    attributes = [
        "instanceType", "userData", "disableApiTermination", "instanceInitiatedShutdownBehavior", "rootDeviceName",
        "blockDeviceMapping", "sourceDestCheck", "groupSet", "ebsOptimized", "sriovNetSupport", "enclaveOptions",
        "disableApiStop",
    ]  # fmt: skip
    topic, log_group, function = "Topics[].TopicArn", "logGroups[].logGroupName", "Functions[].FunctionName"
    policy, zone, document = "Policies[].Arn", "HostedZones[].Id", "DocumentIdentifiers[].Name"
    return {
        "s3": [("ListBuckets", {}), *each("ListBuckets", "Buckets[].Name", *s3)],
        "sns": [
            ("ListTopics", {}),
            ("ListSubscriptions", {}),
            *each(
                "ListTopics",
                topic,
                ("GetTopicAttributes", {"TopicArn": "$"}),
                ("ListSubscriptionsByTopic", {"TopicArn": "$"}),
                ("ListTagsForResource", {"ResourceArn": "$"}),
                ("GetDataProtectionPolicy", {"ResourceArn": "$"}),
            ),
            *each(
                "ListSubscriptions",
                "Subscriptions[?SubscriptionArn != 'PendingConfirmation'].SubscriptionArn",
                ("GetSubscriptionAttributes", {"SubscriptionArn": "$"}),
            ),
        ],
        "cloudwatch": [
            ("DescribeAlarms", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}),
            ("DescribeAnomalyDetectors", {}),
            ("ListDashboards", {}),
            *each(
                "DescribeAlarms",
                "[MetricAlarms, CompositeAlarms][][].AlarmArn",
                ("ListTagsForResource", {"ResourceARN": "$"}),
            ),
        ],
        "logs": [
            ("DescribeLogGroups", {}),
            ("DescribeDestinations", {}),
            ("DescribeResourcePolicies", {}),
            ("DescribeMetricFilters", {}),
            *each(
                "DescribeLogGroups",
                log_group,
                ("DescribeSubscriptionFilters", {"logGroupName": "$"}),
                ("ListTagsLogGroup", {"logGroupName": "$"}),
                ("GetDataProtectionPolicy", {"logGroupIdentifier": "$"}),
                ("DescribeIndexPolicies", {"logGroupIdentifiers": ["$"]}),
                ("DescribeLogStreams", {"logGroupName": "$"}),
                ("GetTransformer", {"logGroupIdentifier": "$"}),
            ),
            *each("DescribeLogGroups", "logGroups[].logGroupArn", ("ListTagsForResource", {"resourceArn": "$"})),
        ],
        "lambda": [
            ("ListFunctions", {}),
            ("ListEventSourceMappings", {}),
            ("ListLayers", {}),
            *each(
                "ListFunctions",
                function,
                ("GetFunction", {"FunctionName": "$"}),
                ("GetFunctionConfiguration", {"FunctionName": "$"}),
                ("GetFunctionConcurrency", {"FunctionName": "$"}),
                ("GetPolicy", {"FunctionName": "$"}),
                ("ListAliases", {"FunctionName": "$"}),
                ("ListVersionsByFunction", {"FunctionName": "$"}),
                ("ListFunctionUrlConfigs", {"FunctionName": "$"}),
                ("ListFunctionEventInvokeConfigs", {"FunctionName": "$"}),
                ("ListProvisionedConcurrencyConfigs", {"FunctionName": "$"}),
                ("GetRuntimeManagementConfig", {"FunctionName": "$"}),
                ("GetFunctionRecursionConfig", {"FunctionName": "$"}),
                ("GetFunctionCodeSigningConfig", {"FunctionName": "$"}),
            ),
        ],
        "ec2": [
            ("DescribeVpcs", {}),
            ("DescribeSubnets", {}),
            ("DescribeSecurityGroups", {}),
            ("DescribeSecurityGroupRules", {}),
            ("DescribeRouteTables", {}),
            ("DescribeVpcEndpoints", {}),
            ("DescribeFlowLogs", {}),
            ("DescribeKeyPairs", {"IncludePublicKey": True}),
            ("DescribeInstances", {}),
            ("DescribeVolumes", {}),
            ("DescribeNetworkInterfaces", {}),
            ("DescribeAddresses", {}),
            ("DescribeManagedPrefixLists", {}),
            *each(
                "DescribeManagedPrefixLists",
                "PrefixLists[?OwnerId != 'AWS'].PrefixListId",
                ("GetManagedPrefixListEntries", {"PrefixListId": "$"}),
            ),
            ("DescribeInstanceCreditSpecifications", {}),
            ("DescribeTags", {}),
            *each(
                "DescribeInstances",
                "Reservations[].Instances[].InstanceId",
                *[("DescribeInstanceAttribute", {"InstanceId": "$", "Attribute": name}) for name in attributes],
            ),
        ],
        "iam": [
            ("ListPolicies", {"Scope": "Local"}),
            ("ListRoles", {}),
            *each(
                "ListPolicies",
                policy,
                ("GetPolicy", {"PolicyArn": "$"}),
                ("ListPolicyVersions", {"PolicyArn": "$"}),
                ("ListPolicyTags", {"PolicyArn": "$"}),
                ("ListEntitiesForPolicy", {"PolicyArn": "$"}),
            ),
            *each("ListRoles", "Roles[].RoleName", ("ListAttachedRolePolicies", {"RoleName": "$"})),
        ],
        "route53": [
            ("ListHostedZones", {}),
            *each(
                "ListHostedZones",
                zone,
                ("GetHostedZone", {"Id": "$"}),
                ("ListResourceRecordSets", {"HostedZoneId": "$"}),
                ("ListTagsForResource", {"ResourceType": "hostedzone", "ResourceId": "$"}),
                ("GetDNSSEC", {"HostedZoneId": "$"}),
                ("ListQueryLoggingConfigs", {"HostedZoneId": "$"}),
                ("ListVPCAssociationAuthorizations", {"HostedZoneId": "$"}),
            ),
        ],
        "rds": [
            ("DescribeDBClusters", {}),
            ("DescribeDBInstances", {}),
            ("DescribeDBSubnetGroups", {}),
            ("DescribeDBClusterParameterGroups", {}),
            ("DescribeDBParameterGroups", {}),
            *each("DescribeDBClusters", "DBClusters[].DBClusterArn", ("ListTagsForResource", {"ResourceName": "$"})),
            *each("DescribeDBInstances", "DBInstances[].DBInstanceArn", ("ListTagsForResource", {"ResourceName": "$"})),
            *each(
                "DescribeDBSubnetGroups",
                "DBSubnetGroups[].DBSubnetGroupArn",
                ("ListTagsForResource", {"ResourceName": "$"}),
            ),
            *each(
                "DescribeDBClusterParameterGroups",
                "DBClusterParameterGroups[].DBClusterParameterGroupArn",
                ("ListTagsForResource", {"ResourceName": "$"}),
            ),
            *each(
                "DescribeDBClusterParameterGroups",
                "DBClusterParameterGroups[].DBClusterParameterGroupName",
                ("DescribeDBClusterParameters", {"DBClusterParameterGroupName": "$", "Source": "user"}),
            ),
        ],
        "ssm": [
            ("ListDocuments", {"Filters": [{"Key": "Owner", "Values": ["Self"]}]}),
            *each(
                "ListDocuments",
                document,
                ("GetDocument", {"Name": "$"}),
                ("GetDocument", {"Name": "$", "DocumentVersion": "1"}),
                ("GetDocument", {"Name": "$", "DocumentVersion": "2"}),
                ("DescribeDocument", {"Name": "$"}),
                ("ListDocumentVersions", {"Name": "$"}),
                ("DescribeDocumentPermission", {"Name": "$", "PermissionType": "Share"}),
                ("ListTagsForResource", {"ResourceType": "Document", "ResourceId": "$"}),
            ),
        ],
    }


READS = reads()

# The bucket of access logs. Its objects are not compared, because reads may create some.
LOGS = "logs-bucket"


class Models(botocore.loaders.Loader):
    """Loads AWS's service models. CloudWatch uses the protocol that both emulators support."""

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("cloudwatch", "service-2"):
            model["metadata"]["protocols"] = ["smithy-rpc-v2-cbor"]
        return model


LOADER = Models(include_default_search_paths=True)


class Aws:
    """boto3 clients of an emulator."""

    def __init__(self, url):
        self.url = url
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)
        self.session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION, botocore_session=core
        )
        self.clients = {}

    @classmethod
    @functools.cache
    def at(cls, url):
        """Returns the clients of a URL, cached because creating a client takes longer than most calls."""
        return cls(url)

    def client(self, service, region=REGION):
        if (service, region) not in self.clients:
            config = botocore.config.Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                parameter_validation=True,
                read_timeout=30,
            )
            client = self.session.client(service, endpoint_url=self.url, region_name=region, config=config)
            self.clients[service, region] = client
        return self.clients[service, region]

    def call(self, service, operation, parameters, region=REGION):
        """Calls an operation by AWS's name, and reads all pages."""
        client = self.client(service, region)
        method = next(name for name, api in client.meta.method_to_api_mapping.items() if api == operation)
        if operation.startswith(("List", "Describe", "Get")) and client.can_paginate(method):
            return client.get_paginator(method).paginate(**parameters).build_full_result()
        return getattr(client, method)(**parameters)


def dump(aws, services):
    """Returns the raw responses of all reads of the services, by `service/Operation/resource`."""
    answers = {}
    for service in services:
        found = {}
        for operation, parameters, *source in READS[service]:
            values = [None]
            if source:
                values = sorted(set(jmespath.search(source[1], found.get(source[0], {})) or []))
            for value in values:
                if operation == "ListObjectVersions" and value == LOGS:
                    continue
                path = "/".join([service, operation, *([plain(value)] if value else [])])
                for other in ("Attribute", "DocumentVersion"):
                    path += f"/{parameters[other]}" if other in parameters else ""
                given = fill(parameters, {}, plain(value))
                try:
                    answer = aws.call(service, operation, given)
                except botocore.exceptions.ClientError as error:
                    answer = {"(error)": error.response["Error"]["Code"]}
                except Exception as error:  # an emulator's stack trace does not have AWS's format
                    answer = {"(error)": type(error).__name__}
                found[operation] = answer
                answers[path] = answer
    return answers


def fill(value, names, dollar=None):
    """Replaces `<<name>>` by saved values, and `$` by the value of an `each`."""
    if isinstance(value, dict):
        return {fill(key, names): fill(item, names, dollar) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, names, dollar) for item in value]
    if not isinstance(value, str):
        return value
    if value == "$" and dollar is not None:
        return dollar
    if value == "<<zip>>":
        return package()
    return re.sub(r"<<([a-z0-9_]+)>>", lambda found: str(names[found[1]]), value)


def package():
    """Returns a package of a function; the bytes are the same every time."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context):\n    return event\n")
    return data.getvalue()


def plain(text):
    """Removes the prefix that Route 53 adds to ids in responses."""
    return text.removeprefix("/hostedzone/") if isinstance(text, str) else text
