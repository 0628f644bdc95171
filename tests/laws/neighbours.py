"""Law 5: an apply changes what its spec says and nothing else, of the resource and of its neighbours.

    neighbours.py EMULATOR REGIONCTL [--only TEXT] [URL...]

EMULATOR is `moto` or `sandbox`. URLs are running moto servers (tests/moto/server.py); each runs one scenario at a time.
Without URLs the servers are started here. The sandbox is started once per scenario, with a file of its own.

A scenario sets resources up with AWS's own client, reads everything that the services answer about them, runs one
`regionctl apply`, reads everything again, and compares. The format of the scenario files is in neighbours/README.md.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import functools
import hashlib
import io
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile

import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session
import jmespath
import yaml

HERE = pathlib.Path(__file__).parent
REGION = "eu-central-1"
HEAD = f'region: {REGION}\naccount: "123456789012"\n'
MOTO_SERVERS = 3
SHOWN_OF_KNOWN = 3

# Members of answers that change without a change of a setting, each with the reason.
VOLATILE = {
    "ResponseMetadata": "request ids, dates and headers of the answer itself",
    "RevisionId": "Lambda makes a new one with every change of the function",
    "LastModified": "the time of a function's last change",
    "LastUpdateStatus": "Lambda: in progress for a moment after a change",
    "LastUpdateStatusReason": "as LastUpdateStatus",
    "LastUpdateStatusReasonCode": "as LastUpdateStatus",
    "Location": "the address of a function's package is signed anew for every answer",
    "StateUpdatedTimestamp": "CloudWatch: the time of the last evaluation",
    "StateTransitionedTimestamp": "as StateUpdatedTimestamp",
    "AlarmConfigurationUpdatedTimestamp": "the time of the change itself",
    "UpdateDate": "IAM: the time of a policy's last version",
    "lastUpdatedTime": "the time of the answer on the sandbox",
    "LastModifiedTime": "the time of the change itself",
    "LatestRestorableTime": "RDS moves it by itself",
    "EarliestRestorableTime": "as LatestRestorableTime",
    "UsageOperationUpdateTime": "EC2: the time of the answer on moto",
}

# Members by which the items of a list are told apart: the first that every item has. Items that have the same value,
# and items of lists that have no such member, are compared whole.
IDENTITIES = [
    "Sid", "ID", "Id", "Key", "Name", "AlarmName", "TopicArn", "SubscriptionArn", "FunctionName", "GroupId",
    "SecurityGroupRuleId", "VpcEndpointId", "RouteTableId", "FlowLogId", "KeyPairId", "ReservationId", "InstanceId",
    "VolumeId", "NetworkInterfaceId", "PrefixListId", "PolicyName", "VersionId", "DBInstanceIdentifier", "DBClusterIdentifier",
    "DBSubnetGroupName", "DBClusterParameterGroupName", "DBParameterGroupName", "ParameterName", "SubnetIdentifier",
    "VpcSecurityGroupId", "logGroupName", "filterName", "DocumentVersion", "VPCId", "SubnetId", "VpcId", "Arn", "UUID", "LayerArn",
    "CidrIp", "CidrIpv6", "DeviceName", "UserId", "Cidr", "accountId", "policyName", "PublicIp",
]  # fmt: skip

# Lists whose items share the first of those.
IDENTITY_OF = {
    "DocumentVersions": "DocumentVersion",
    "SecurityGroupRules": "SecurityGroupRuleId",
    "ListVersionsByFunction/Versions": "Version",
}

# EC2 puts rules of one protocol and one range of ports together, in any order; each peer is a rule of its own.
PEERS = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "UserIdGroupPairs": "GroupId", "PrefixListIds": "PrefixListId"}

# Lists whose order means something: the first CORS rule that matches counts, later layers lie over earlier ones.
ORDERED = {"CORSRules", "Layers", "Origin", "Architectures", "RoutingRules"}


def reads_of_s3():
    """Every Get and List operation of S3 that needs a bucket and nothing else."""
    model = botocore.session.get_session().get_service_model("s3")
    # Deprecated forms of operations that are read; objects are read by ListObjectVersions; the rest are not settings.
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
    """Reads that are made for every value that an answer of `source` holds; `$` stands for the value."""
    return [(name, parameters, source, found) for name, parameters in operations]


def reads():
    """What is read of each service: operation, parameters, and where the values for `$` come from."""
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

# The bucket into which access logs are written, whose objects are not compared: a read may write one.
LOGS = "logs-bucket"


class Models(botocore.loaders.Loader):
    """AWS's service models. CloudWatch is spoken to in the protocol that both emulators know."""

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("cloudwatch", "service-2"):
            model["metadata"]["protocols"] = ["smithy-rpc-v2-cbor"]
        return model


LOADER = Models(include_default_search_paths=True)


class Aws:
    """AWS's own client of an emulator."""

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
        """Making a client takes longer than most calls."""
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
        """Calls an operation by AWS's name; of a paged one, all pages."""
        client = self.client(service, region)
        method = next(name for name, api in client.meta.method_to_api_mapping.items() if api == operation)
        if operation.startswith(("List", "Describe", "Get")) and client.can_paginate(method):
            return client.get_paginator(method).paginate(**parameters).build_full_result()
        return getattr(client, method)(**parameters)


def dump(aws, services):
    """Returns all raw answers of the read operations of the services, by `service/Operation/resource`."""
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
                path = "/".join([service, operation, *([value.replace("/hostedzone/", "")] if value else [])])
                for other in ("Attribute", "DocumentVersion"):
                    path += f"/{parameters[other]}" if other in parameters else ""
                given = fill(parameters, {}, value and value.replace("/hostedzone/", ""))
                try:
                    answer = aws.call(service, operation, given)
                except botocore.exceptions.ClientError as error:
                    answer = {"(error)": error.response["Error"]["Code"]}
                except Exception as error:  # an emulator's stack trace is not an answer of AWS's form
                    answer = {"(error)": type(error).__name__}
                found[operation] = answer
                answers[path] = answer
    return answers


def flatten(value, path=""):
    """Yields the settings of answers: a path and what is there."""
    if isinstance(value, dict):
        for key in sorted(value):
            if key not in VOLATILE:
                yield from flatten(value[key], f"{path}/{key}" if path else key)
    elif isinstance(value, list):
        yield from flatten_list(value, path)
    elif isinstance(value, str) and value[:1] in "{[" and is_json(value):
        yield f"{path}/{TEXT}", value
        yield from flatten(json.loads(value), path)
    elif isinstance(value, datetime.datetime):
        yield path, value.isoformat()
    elif hasattr(value, "read"):
        yield path, hashlib.sha256(value.read()).hexdigest()
    elif isinstance(value, bytes):
        yield path, hashlib.sha256(value).hexdigest()
    else:
        yield path, value


# A document inside an answer is compared member by member; its own text counts where no member differs.
TEXT = "(text)"


def flatten_list(items, path):
    name = path.rsplit("/", 1)[-1]
    if not all(isinstance(item, dict) for item in items):
        scalars = [json.dumps(item, default=str, sort_keys=True) for item in items]
        if items:
            yield path, ", ".join(scalars if name in ORDERED else sorted(scalars))
        return
    if name in ORDERED:
        for index, item in enumerate(items):
            yield from flatten(item, f"{path}/{index}")
        return
    if name in ("IpPermissions", "IpPermissionsEgress"):
        for item in items:
            ports = f"{item.get('IpProtocol')} {item.get('FromPort')}-{item.get('ToPort')}"
            for peers, peer in PEERS.items():
                for one in item.get(peers, []):
                    yield from flatten(one, f"{path}/{ports} {one.get(peer)}")
        return
    if name == "Reservations":  # of a reservation nothing matters but its instances; the sandbox gives it no id
        instances = [instance for item in items for instance in item.get("Instances", [])]
        yield from flatten_list(instances, f"{path}/Instances")
        return
    operation = "/".join(path.split("/")[1:2])
    of_list = IDENTITY_OF.get(name) or IDENTITY_OF.get(f"{operation}/{name}")
    names = [of_list] if of_list else IDENTITIES
    identity = next((it for it in names if all(isinstance(item.get(it), (str, int)) and item[it] != "" for item in items)), None)
    keys = [item.get(identity) for item in items]
    for key, item in zip(keys, items):
        if identity and keys.count(key) == 1:
            yield from flatten(item, f"{path}/{key}")
        else:
            yield f"{path}/{json.dumps(dict(flatten(item)), default=str, sort_keys=True)}", "there"


def is_json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False


def differences(before, after):
    """Returns the paths that differ, with what was there and what is."""
    before, after = dict(flatten(before)), dict(flatten(after))
    found = {}
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path, "(nothing)"), after.get(path, "(nothing)")
        if was != now:
            found[path] = (was, now)
    for path in [path for path in found if path.endswith(f"/{TEXT}")]:
        inside = path.removesuffix(TEXT)
        if any(other != path and other.startswith(inside) for other in found):
            del found[path]
    return found


def matches(pattern, path):
    """`*` stands for anything; everything else for itself."""
    return re.fullmatch(".*".join(re.escape(part) for part in str(pattern).split("*")), path, re.DOTALL) is not None


def violations(found, changes):
    """Returns what differs and should not, and what should and does not."""
    faults = []
    for path, (was, now) in found.items():
        if not any(matches(pattern, path) for pattern in changes):
            faults.append(f"changed: {path}\n      before: {was}\n      after:  {now}")
    for pattern in changes:
        if not any(matches(pattern, path) for path in found):
            faults.append(f"not changed: {pattern}")
    return faults


def fill(value, names, dollar=None):
    """Puts saved values in place of `<<name>>`, and the value of an `each` in place of `$`."""
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
    """A function's package; the same bytes every time."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context):\n    return event\n")
    return data.getvalue()


def repeated(call):
    """A call with `for: {name: [values]}` is made for every value."""
    [(name, values)] = call.get("for", {"": [""]}).items()
    calls = [dict(call, **{"with": fill_one(call.get("with", {}), name, value)}) for value in values]
    return [dict(each, wait={}) for each in calls[:-1]] + calls[-1:]


def plain(text):
    """Route 53 gives an id in one form and takes it in two."""
    return text.removeprefix("/hostedzone/") if isinstance(text, str) else text


def fill_one(value, name, put):
    if isinstance(value, dict):
        return {key: fill_one(item, name, put) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_one(item, name, put) for item in value]
    return value.replace(f"<<{name}>>", put) if name and isinstance(value, str) else value


class Scenario:
    def __init__(self, file, kind, data):
        self.file, self.kind = file, kind
        self.name = f"{kind['kind']}: {data['name']}"
        self.setup = [call for each in [*kind["setup"], *data.get("setup", [])] for call in repeated(each)]
        self.services = kind["reads"]
        self.spec = data["spec"]
        self.changes = data.get("changes", [])
        self.expect = data.get("expect", "applied")
        self.after = data.get("after", {})
        self.finds = data.get("find", {})
        self.says = data.get("says", [])
        self.emulators = data.get("emulators", ["moto", "sandbox"])
        self.known = data.get("known")
        self.lost = data.get("lost", [])
        self.is_first = False

    def known_on(self, emulator):
        return self.known.get(emulator) if isinstance(self.known, dict) else self.known

    def changes_on(self, emulator):
        """A path, or a path with the emulators that answer with it: `{path: …, only_on: [moto]}`."""
        for change in self.changes:
            if not isinstance(change, dict):
                yield change
            elif emulator in change["only_on"]:
                yield change["path"]

    def find(self, names, before, after):
        """Returns names of what only the apply has made or taken away: `find: {name: [answer, where in it]}`."""
        found = {}
        for name, (answer, where) in fill(self.finds, names).items():
            found[name] = plain(jmespath.search(where, after[answer]) or jmespath.search(where, before[answer]))
        return found

    def prepare(self, aws, emulator):
        """Sets everything up, and returns the saved values."""
        names = {}
        for call in self.setup:
            if emulator in call.get("not_on", {}):
                continue
            service, operation = call["call"].split()
            parameters = fill(call.get("with", {}), names)
            try:
                answer = aws.call(service, operation, parameters, call.get("region", REGION))
            except Exception as error:
                raise Failed(f"setup: {call['call']} {call.get('with')}: {error}") from error
            for name, where in call.get("save", {}).items():
                names[name] = plain(jmespath.search(where, answer))
                if names[name] is None:
                    raise Failed(f"setup: {call['call']}: {where} is not in the answer")
            time.sleep(call.get("wait", {}).get(emulator, 0))
        return names

    def run(self, url, emulator, regionctl, folder):
        """Returns the faults."""
        aws = Aws.at(url)
        names = self.prepare(aws, emulator)
        before = dump(aws, self.services)
        ended = apply(regionctl, url, HEAD + fill(self.spec, names), folder)
        after = dump(aws, self.services)
        found = differences(before, after)
        faults = []
        expected = {"applied": 0, "refused": 3}[self.expect]
        if ended.returncode != expected:
            faults.append(f"exit code {ended.returncode}, expected {expected}\n{ended.stdout}{ended.stderr}")
        names.update(self.find(names, before, after))
        changes = [fill(change, names) for change in self.changes_on(emulator)]
        faults += violations(found, changes)
        settings = dict(flatten(after))
        for pattern, value in fill(self.after, names).items():
            there = [settings[path] for path in settings if matches(pattern, path)]
            if not there or any(text != value for text in there):
                faults.append(f"after: {pattern} is {there}, expected {value}")
        for text in self.says:
            if text not in ended.stdout + ended.stderr:
                faults.append(f"the output does not say '{text}':\n{ended.stdout}{ended.stderr}")
        # A comparison that cannot fail would prove nothing.
        if found and not violations(found, []):
            faults.append("self-check: a scenario without `changes` finds no fault")
        if not violations(found, [*changes, "nowhere/*"]):
            faults.append("self-check: a scenario with a wrong path in `changes` finds no fault")
        if self.known_on(emulator):
            faults = self.as_known(found, changes, fill(self.lost, names), faults)
        if self.is_first:
            faults += self.forgotten(emulator, names, before)
        return faults

    @staticmethod
    def as_known(found, changes, lost, faults):
        """A known violation does not hide another one: it names what is lost."""
        beyond = [fault for fault in violations(found, [*changes, *lost]) if fault.startswith("changed: ")]
        missing = [pattern for pattern in lost if not any(matches(pattern, path) for path in found)]
        if faults and (beyond or missing):
            return [UNKNOWN, *beyond, *[f"lost, says the file, and it is not: {pattern}" for pattern in missing]]
        return faults

    def forgotten(self, emulator, names, answers):
        """Compares what the emulator takes and does not give back with what the file says of it."""
        given = json.dumps(list(flatten(answers)), default=str)
        lost = set()
        for call in self.setup:
            if emulator not in call.get("not_on", {}) and call["call"].split()[0] in self.services:
                for path, value in flatten(fill(call.get("with", {}), names)):
                    is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
                    if is_text and not re.search(UNREAD, path):
                        for part in str(value).split(", "):
                            text = part if part.startswith('"') else json.dumps(part)
                            if text.strip('"') not in given:
                                lost.add(f"{call['call'].split()[1]} {path}")
        said = set(self.kind.get("forgets", {}).get(emulator, []))
        if lost == said:
            return []
        return [f"forgets: {emulator}: {json.dumps(sorted(lost))}, and the file says {json.dumps(sorted(said))}"]


# Members of requests that are in no answer.
UNREAD = r"(^|/)(MFA|Body|ZipFile|ClientToken|CallerReference|\(text\)|MinCount|MasterUserPassword|MaxCount)$"


# The first fault of a scenario that is known to fail and fails in another way.
UNKNOWN = "this is not the violation that is known"


class Failed(Exception):
    pass


def apply(regionctl, url, spec, folder):
    (folder / "spec.yaml").write_text(spec)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [regionctl, "apply", "--yes", "--allow-large", "--allow-destroy", "spec.yaml", "--endpoint-url", url]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


@contextlib.contextmanager
def server(command, **options):
    """A server that prints its URL first."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http://127.0.0.1:"):
            raise Failed(f"the server did not start: {url}")
        yield url
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def sandbox(regionctl, folder):
    command = [regionctl, "--sandbox=sandbox.json", "sandbox", "serve", "--port", "0"]
    with server(command, cwd=folder, stderr=subprocess.DEVNULL) as url:
        yield url


class Motos:
    """moto servers, each with one scenario at a time."""

    def __init__(self, urls):
        self.free = queue.Queue()
        for url in urls:
            self.free.put(url)

    @contextlib.contextmanager
    def one(self):
        url = self.free.get()
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).read()
            yield url
        finally:
            self.free.put(url)


def scenarios():
    for file in sorted((HERE / "neighbours").glob("*.yaml")):
        kind = yaml.safe_load(file.read_text())
        for index, data in enumerate(kind["scenarios"]):
            scenario = Scenario(file, kind, data)
            scenario.is_first = index == 0
            yield scenario


def self_check():
    """A comparison that finds nothing in a loss would prove nothing."""
    policy = {"Statement": [{"Sid": "Ours", "Effect": "Allow"}, {"Sid": "Theirs", "Effect": "Deny"}]}
    text = json.dumps(policy)
    ours = json.dumps({"Statement": [{"Sid": "Ours", "Effect": "Deny"}, {"Sid": "Theirs", "Effect": "Deny"}]})
    lost = json.dumps({"Statement": [{"Sid": "Ours", "Effect": "Deny"}]})
    for before, after, changes, passes in [
        ({"a": {"Policy": text}}, {"a": {"Policy": text}}, [], True),
        ({"a": {"Policy": text}}, {"a": {"Policy": ours}}, ["a/Policy/Statement/Ours/Effect"], True),
        ({"a": {"Policy": text}}, {"a": {"Policy": lost}}, ["a/Policy/Statement/Ours/Effect"], False),
        ({"a": {"Policy": text}}, {"a": {"Policy": text + " "}}, [], False),
        ({"a": {"L": [1, 2]}}, {"a": {"L": [2, 1]}}, [], True),
        ({"a": {"Layers": [1, 2]}}, {"a": {"Layers": [2, 1]}}, [], False),
        ({"a": {"T": [{"Key": "k", "Value": "1"}]}}, {"a": {"T": []}}, [], False),
        ({"a": {"(error)": "NoSuchTagSet"}}, {"a": {}}, [], False),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, ["a/b"], False),
        ({"a": {"RevisionId": 1}}, {"a": {"RevisionId": 2}}, [], True),
    ]:
        assert (not violations(differences(before, after), changes)) == passes, f"{before} {after} {changes}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("emulator", choices=["moto", "sandbox"])
    parser.add_argument("regionctl")
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--only", default="", help="scenarios whose names contain this text")
    options = parser.parse_args()
    self_check()
    wanted = [it for it in scenarios() if options.emulator in it.emulators and options.only in it.name]
    with contextlib.ExitStack() as stack:
        urls = options.urls
        if options.emulator == "moto" and not urls:
            command = [sys.executable, str(HERE.parent / "moto" / "server.py")]
            urls = [stack.enter_context(server(command)) for _ in range(MOTO_SERVERS)]
        motos = Motos(urls)

        def judge(scenario):
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                emulator = sandbox(options.regionctl, folder) if options.emulator == "sandbox" else motos.one()
                try:
                    with emulator as url:
                        faults = scenario.run(url, options.emulator, options.regionctl, folder)
                except Exception as error:  # the other scenarios are told of too
                    return scenario, [f"{type(error).__name__}: {error}"], True, time.monotonic() - started
            return scenario, faults, False, time.monotonic() - started

        failed = 0
        with concurrent.futures.ThreadPoolExecutor(MOTO_SERVERS) as pool:
            for scenario, faults, broken, took in pool.map(judge, wanted):
                known = scenario.known_on(options.emulator)
                if known and not broken and UNKNOWN not in faults:
                    is_fault, word = not faults, "known violation" if faults else "FIXED: take its `known` out"
                else:
                    is_fault, word = bool(faults), "VIOLATION" if faults else "holds"
                failed += is_fault
                out = sys.stderr if is_fault else sys.stdout
                print(f"{word}: {scenario.name} ({took:.1f} s)", file=out, flush=True)
                for fault in faults if is_fault else faults[:SHOWN_OF_KNOWN]:
                    print(f"    {fault}", file=out)
        print(f"{len(wanted)} scenarios on {options.emulator}, {failed} failed")
        assert wanted, "no scenario was run"
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
