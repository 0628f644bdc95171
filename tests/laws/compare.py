# SPDX-License-Identifier: Apache-2.0
"""Compares raw responses: finds the settings that differ, and checks that exactly the expected ones do.

A setting is a path, `service/Operation/resource/member/…`, and a value.
"""

import datetime
import hashlib
import json
import re

# Members of responses that change without a change of a setting, each with the reason.
VOLATILE = {
    "ResponseMetadata": "request ids, dates and headers of the response",
    "RevisionId": "Lambda: new with every change of the function",
    "LastModified": "the time of a function's last change",
    "LastUpdateStatus": "Lambda: in progress for a moment after a change",
    "LastUpdateStatusReason": "as LastUpdateStatus",
    "LastUpdateStatusReasonCode": "as LastUpdateStatus",
    "Location": "Lambda: the URL of the package is signed for every response",
    "StateUpdatedTimestamp": "CloudWatch: the time of the last evaluation",
    "StateTransitionedTimestamp": "as StateUpdatedTimestamp",
    "AlarmConfigurationUpdatedTimestamp": "the time of the change itself",
    "UpdateDate": "IAM: the time of a policy's last version",
    "lastUpdatedTime": "the time of the response on the sandbox",
    "LastModifiedTime": "the time of the change itself",
    "LatestRestorableTime": "RDS: advances by itself",
    "EarliestRestorableTime": "as LatestRestorableTime",
    "UsageOperationUpdateTime": "EC2: the time of the response on moto",
}

# Members that identify the items of a list: the first one that every item has is used. Items with the same value, and
# items without such a member, are compared as a whole.
IDENTITIES = [
    "Sid", "ID", "Id", "Key", "Name", "AlarmName", "TopicArn", "SubscriptionArn", "FunctionName", "GroupId",
    "SecurityGroupRuleId", "VpcEndpointId", "RouteTableId", "FlowLogId", "KeyPairId", "ReservationId", "InstanceId",
    "VolumeId", "NetworkInterfaceId", "PrefixListId", "PolicyName", "VersionId",
    "DBInstanceIdentifier", "DBClusterIdentifier",
    "DBSubnetGroupName", "DBClusterParameterGroupName", "DBParameterGroupName", "ParameterName", "SubnetIdentifier",
    "VpcSecurityGroupId", "logGroupName", "filterName", "DocumentVersion", "VPCId", "SubnetId", "VpcId",
    "Arn", "UUID", "LayerArn",
    "CidrIp", "CidrIpv6", "DeviceName", "UserId", "Cidr", "accountId", "policyName", "PublicIp",
]  # fmt: skip

# Lists whose items have the same value of an earlier member of IDENTITIES. Several members identify an item together.
IDENTITY_OF = {
    "metricFilters": ["logGroupName", "filterName"],
    "subscriptionFilters": ["filterName"],
    "FunctionEventInvokeConfigs": ["FunctionArn"],
    "FunctionUrlConfigs": ["FunctionArn"],
    "ProvisionedConcurrencyConfigs": ["FunctionArn"],
    "DocumentVersions": ["DocumentVersion"],
    "SecurityGroupRules": ["SecurityGroupRuleId"],
    "ListVersionsByFunction/Versions": ["Version"],
}

# EC2 groups rules by protocol and ports, in any order. Each peer is a separate rule.
PEERS = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "UserIdGroupPairs": "GroupId", "PrefixListIds": "PrefixListId"}

# Lists whose order is significant: the first CORS rule that matches applies, later layers override earlier ones.
ORDERED = {"CORSRules", "Layers", "Origin", "Architectures", "RoutingRules"}


def flatten(value, path=""):
    """Yields the settings of responses: paths and values."""
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


# A JSON document in a response is compared member by member. Its text counts only if no member differs.
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
    if name == "Reservations":  # only instances are compared; on the sandbox, reservations have no id
        instances = [instance for item in items for instance in item.get("Instances", [])]
        yield from flatten_list(instances, f"{path}/Instances")
        return
    operation = "/".join(path.split("/")[1:2])
    of_list = IDENTITY_OF.get(name) or IDENTITY_OF.get(f"{operation}/{name}")
    candidates = [of_list] if of_list else [[name] for name in IDENTITIES]
    identity = next((names for names in candidates if all(identify(item, names) for item in items)), None)
    keys = [identity and identify(item, identity) for item in items]
    for key, item in zip(keys, items):
        if identity and keys.count(key) == 1:
            yield from flatten(item, f"{path}/{key}")
        else:
            yield f"{path}/{json.dumps(dict(flatten(item)), default=str, sort_keys=True)}", "there"


def identify(item, names):
    """Returns the values of some members of an item as one text, or None if one of them has no text or number."""
    values = [item.get(name) for name in names]
    if all(isinstance(value, (str, int)) and value != "" for value in values):
        return " ".join(map(str, values))
    return None


def is_json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False


def differences(before, after):
    """Returns the paths that differ, with the value before and after."""
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
    """Returns whether a path matches a pattern, in which `*` matches any text."""
    return re.fullmatch(".*".join(re.escape(part) for part in str(pattern).split("*")), path, re.DOTALL) is not None


def violations(found, changes):
    """Returns unexpected differences, and expected differences that are missing."""
    faults = []
    for path, (was, now) in found.items():
        if not any(matches(pattern, path) for pattern in changes):
            faults.append(f"changed: {path}\n      before: {was}\n      after:  {now}")
    for pattern in changes:
        if not any(matches(pattern, path) for path in found):
            faults.append(f"not changed: {pattern}")
    return faults


def self_check():
    """Checks that the comparison finds losses."""
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
