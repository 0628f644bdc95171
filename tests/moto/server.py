# SPDX-License-Identifier: Apache-2.0
"""A moto server with corrections for regionctl's tests; with --forward URL, a proxy to another emulator.

Every request is first validated with AWS's service model (model.py).

Prints its URL as the first line, and exits when its standard input is closed, so that no server outlives the tests
that started it.

Bugs of moto are corrected here and never in regionctl:
- CloudWatch's current clients use rpc-v2-cbor, which moto 5.2.5 answers with 404. Requests are translated to the JSON
  protocol, which moto supports.
- GetBucketVersioning answers with a root element named after the operation; S3's is VersioningConfiguration.
- The URL that GetFunction returns does not work. It is replaced by a URL of this server.
- Unsupported operations are answered with a stack trace and 500, which clients retry. They are answered with 501.
- Operations of functions that moto lacks (functions.py).
- Functions lose LoggingConfig, DeadLetterConfig, FileSystemConfigs and SnapStart, and cannot change KMSKeyArn.
- ModifyDBSubnetGroup deletes the group.
- ModifyVpcEndpoint does not reset the policy. Endpoints lose IpAddressType and DnsOptions, and ModifyVpcEndpoint does not
  change PrivateDnsEnabled.
- CreateFlowLogs treats the prefix after a bucket's ARN as part of the bucket's name.
- A log group's key cannot be changed (AssociateKmsKey, DisassociateKmsKey).
- Filters of log groups, and composite alarms (monitoring.py).
- CreateBucket ignores tags.
- Topics do not return the attributes of delivery status, tracing, signatures, sizes and FIFO.
- Detailed monitoring and the shutdown behavior of instances cannot be changed (instances.py).
- S3 loses the key format of access logs, the filters of replication rules, and the size filters, kept versions and
  minimum transition size of lifecycle rules, the event hold of Object Lock, a lone EventBridgeConfiguration, and the root
  elements of notifications and Transfer Acceleration, and does not support requestPayment. S3 returns what was put.
- Object Lock cannot be enabled on a bucket with objects. S3 requires versioning only
  (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-configure.html).

POST /moto-api/reset empties all accounts. It is moto's own API, so it is not validated.
"""

import datetime
import io
import json
import logging
import os
import re
import sys
import threading
import urllib.error
import urllib.request

import cbor2
from buckets import S3Keeps, S3Roots, bucket_prefixes, object_locks, tags_of_new_buckets
from functions import FunctionParts
from instances import attributes_of_instances
from moto.server import DomainDispatcherApplication, create_backend_app
from model import ValidateRequests, self_check
from monitoring import composite_alarms, filters_of_log_groups
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.responses import BaseResponse, get_service_model
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses.vpcs import VPCs
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.responses import LogsResponse
from moto.rds.models import DBCluster, RDSBackend
from moto.sns.responses import SNSResponse
from werkzeug.serving import make_server

CBOR_PATH = re.compile(r"^/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)$")
TIMESTAMP = re.compile(r"(Timestamp|Time)$")


class CborToJson:
    """WSGI middleware: translates rpc-v2-cbor requests to JSON requests, and the responses back."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        match = CBOR_PATH.match(environ.get("PATH_INFO", ""))
        if not match:
            return self.app(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = cbor2.loads(environ["wsgi.input"].read(length)) if length else {}
        payload = json.dumps(body, default=str).encode()
        environ.update(
            {
                "PATH_INFO": "/",
                "CONTENT_TYPE": "application/x-amz-json-1.0",
                "CONTENT_LENGTH": str(len(payload)),
                "HTTP_X_AMZ_TARGET": f"{match['service']}.{match['operation']}",
                "wsgi.input": io.BytesIO(payload),
            }
        )
        answered = {}

        def capture(status, headers, exc_info=None):
            answered.update(status=status, headers=headers)
            return lambda data: None

        text = b"".join(self.app(environ, capture)) or b"{}"
        answer = timestamps(json.loads(text))
        if not answered["status"].startswith("2"):
            answer.setdefault("__type", "InternalFailure")
        encoded = cbor2.dumps(answer)
        headers = [
            ("Content-Type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("Content-Length", str(len(encoded))),
        ]
        start_response(answered["status"], headers)
        return [encoded]


class NotImplemented:
    """WSGI middleware: answers 501 to actions that moto answers with 500, which clients retry."""

    ACTIONS = (b"Action=DescribeAccountAttributes&",)

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        if "/rds/" not in environ.get("HTTP_AUTHORIZATION", "") or not body.startswith(self.ACTIONS):
            return self.app(environ, start_response)
        start_response("501 Not Implemented", [("Content-Type", "text/xml")])
        return [b"<ErrorResponse><Error><Code>NotImplemented</Code><Message>moto lacks it</Message></Error></ErrorResponse>"]


class Reset:
    """WSGI middleware: passes moto's reset request on without validation, because it is not signed."""

    def __init__(self, moto, app):
        self.moto = moto
        self.app = app

    def __call__(self, environ, start_response):
        app = self.moto if environ.get("PATH_INFO") == "/moto-api/reset" else self.app
        return app(environ, start_response)


class Packages:
    """WSGI middleware: serves the packages of functions, and points the URLs of GetFunction to them."""

    PATH = re.compile(r"^/packages/(?P<region>[^/]+)/(?P<name>[^/]+)$")
    NOWHERE = re.compile(rb"https://awslambda-(?P<region>[a-z0-9-]+)-tasks\.s3\.[a-z0-9-]+\.amazonaws\.com/(?P<key>[^\"]+)")

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        match = self.PATH.match(environ.get("PATH_INFO", ""))
        if match:
            code = lambda_backends[ACCOUNT][match["region"]].get_function(match["name"]).code_bytes
            start_response("200 OK", [("Content-Type", "application/zip"), ("Content-Length", str(len(code)))])
            return [code]
        if "/functions/" not in environ.get("PATH_INFO", "") or environ["REQUEST_METHOD"] != "GET":
            return self.app(environ, start_response)
        answered = {}

        def capture(status, headers, exc_info=None):
            answered.update(status=status, headers=[header for header in headers if header[0] != "Content-Length"])
            return lambda data: None

        name = environ["PATH_INFO"].split("/functions/")[1].split("/")[0]
        here = f"http://127.0.0.1:{environ['SERVER_PORT']}/packages/".encode()
        body = b"".join(self.app(environ, capture))
        body = self.NOWHERE.sub(lambda found: here + found["region"] + b"/" + name.encode(), body)
        start_response(answered["status"], [*answered["headers"], ("Content-Length", str(len(body)))])
        return [body]


def not_implemented():
    """Makes moto answer 501 to operations that it declares but does not implement."""
    call_action = BaseResponse.call_action

    def call(self):
        try:
            return call_action(self)
        except NotImplementedError as error:
            in_json = json.dumps({"__type": "NotImplemented", "message": str(error)})
            error = f"<Error><Code>NotImplemented</Code><Message>{error}</Message></Error>"
            in_xml = f"<ErrorResponse>{error}</ErrorResponse>"
            protocol = get_service_model(self.boto3_service_name).protocol
            speaks_json = "X-Amz-Target" in self.headers or "json" in protocol
            return 501, {"status": 501}, in_json if speaks_json else in_xml

    BaseResponse.call_action = call


def settings_of_functions():
    """Makes moto store the settings of functions that it loses.

    A setting is replaced as a whole. AWS's reference does not say what happens to omitted members, so they get their
    defaults.
    """
    settings = {
        "DeadLetterConfig": None,
        "FileSystemConfigs": None,
        "LoggingConfig": {"LogFormat": "Text"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "TracingConfig": {"Mode": "PassThrough"},
    }
    init, update = LambdaFunction.__init__, LambdaFunction.update_configuration
    answer = LambdaFunction.get_configuration

    def keep(self, spec):
        kept = self.__dict__.setdefault("kept", {})
        for name, default in settings.items():
            value = spec.get(name)
            if value is not None:
                kept[name] = {**(default or {}), **value} if isinstance(value, dict) else value
        if kept.get("DeadLetterConfig") == {"TargetArn": ""}:  # this is how a client removes it
            del kept["DeadLetterConfig"]

    def create(self, account_id, spec, *others, **options):
        keep(self, spec)
        init(self, account_id, spec, *others, **options)

    def change(self, spec):
        keep(self, spec)
        if "KMSKeyArn" in spec:
            self.kms_key_arn = spec["KMSKeyArn"] or None
        return update(self, spec)

    def show(self, on_create=False):
        kept = {name: value for name, value in settings.items() if value is not None}
        kept["LoggingConfig"] = {"LogGroup": f"/aws/lambda/{self.function_name}", **kept["LoggingConfig"]}
        return {**answer(self, on_create), **kept, **getattr(self, "kept", {})}

    LambdaFunction.__init__, LambdaFunction.update_configuration = create, change
    LambdaFunction.get_configuration = show


def settings_of_databases():
    """Makes moto keep changed subnet groups and the settings of clusters that it loses, and know I/O-Optimized storage."""
    modify, init, allocated = RDSBackend.modify_db_subnet_group, DBCluster.__init__, DBCluster.default_allocated_storage

    def change(self, subnet_name, *others, **options):
        group = modify(self, subnet_name, *others, **options)
        self.subnet_groups[group.name] = group
        return group

    def create(self, *others, **options):
        init(self, *others, **options)
        names = ("database_insights_mode", "engine_lifecycle_support", "enable_local_write_forwarding")
        kept = [name for name in options if name in names or name.startswith(("performance_", "monitoring_", "enable_perf"))]
        self.__dict__.update({name: options[name] for name in kept})

    def forwards(self):
        return "enabled" if self.__dict__.get("enable_local_write_forwarding") else "disabled"

    RDSBackend.modify_db_subnet_group, DBCluster.__init__ = change, create
    DBCluster.performance_insights_enabled = property(lambda self: self.__dict__.get("enable_performance_insights"))
    DBCluster.local_write_forwarding_status = property(forwards)
    DBCluster.default_allocated_storage = staticmethod(
        lambda engine, storage_type: allocated(engine, storage_type.replace("aurora-iopt1", "gp2"))
    )


def settings_of_endpoints():
    """Makes moto keep the settings of endpoints that it ignores, and support ResetPolicy of ModifyVpcEndpoint
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html)."""
    create, modify = VPCs.create_vpc_endpoint, VPCs.modify_vpc_endpoint

    def keep(self, endpoint):
        if self._get_param("IpAddressType"):
            endpoint.ip_address_type = self._get_param("IpAddressType")
        if self._get_param("DnsOptions"):
            endpoint.dns_options = self._get_param("DnsOptions")

    def changed_create(self):
        before = set(self.ec2_backend.vpc_end_points)
        answer = create(self)
        for key in self.ec2_backend.vpc_end_points.keys() - before:
            keep(self, self.ec2_backend.vpc_end_points[key])
        return answer

    def changed_modify(self):
        [endpoint] = self.ec2_backend.describe_vpc_endpoints([self._get_param("VpcEndpointId")])
        if self._get_param("ResetPolicy"):
            endpoint.policy_document = json.dumps(VPCEndPoint.DEFAULT_POLICY)
        if self._get_param("PrivateDnsEnabled") is not None:
            endpoint.private_dns_enabled = self._get_bool_param("PrivateDnsEnabled")
        keep(self, endpoint)
        return modify(self)

    VPCs.create_vpc_endpoint, VPCs.modify_vpc_endpoint = changed_create, changed_modify


def rules_without_ports():
    """Makes moto accept rules of protocols without ports, such as ESP
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html)."""
    create = SecurityGroupRule.__init__

    def change(self, backend, protocol, group, from_port, to_port, *others, **options):
        has_ports = from_port is not None and to_port is not None
        from_port, to_port = (from_port, to_port) if has_ports else ("-1", "-1")
        create(self, backend, protocol, group, from_port, to_port, *others, **options)
        if not has_ports:
            self.from_port = self.to_port = None

    SecurityGroupRule.__init__ = change


def keys_of_log_groups():
    """Makes moto support AssociateKmsKey and DisassociateKmsKey."""

    def put_key(self):
        group = self.logs_backend.groups.get(self._get_param("logGroupName"))
        if not group:
            raise ResourceNotFoundException
        group.kms_key_id = self._get_param("kmsKeyId")  # absent in DisassociateKmsKey
        return ""

    LogsResponse.associate_kms_key = LogsResponse.disassociate_kms_key = put_key


def attributes_of_topics():
    """Makes moto return the attributes of topics that it stores (the API reference of GetTopicAttributes)."""
    protocols = ["Application", "Firehose", "HTTP", "Lambda", "SQS"]
    kinds = ["SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"]
    logging_names = [protocol + kind for protocol in protocols for kind in kinds]
    others = ["ArchivePolicy", "FifoThroughputScope", "MaximumMessageSize", "SignatureVersion", "TracingConfig"]
    get = SNSResponse.get_topic_attributes

    def show(self):
        answer = get(self)
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        for name in logging_names + others:
            if (value := getattr(topic, camelcase_to_underscores(name), None)) is not None:
                answer.result["Attributes"][name] = value
        return answer

    SNSResponse.get_topic_attributes = show


class Forward:
    """WSGI application: forwards requests to another server."""

    def __init__(self, url):
        self.url = url

    def __call__(self, environ, start_response):
        query = environ.get("QUERY_STRING", "")
        url = self.url + environ["RAW_URI"] if "RAW_URI" in environ else self.url + environ["PATH_INFO"] + "?" + query
        headers = {
            name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers["Content-Type"] = environ.get("CONTENT_TYPE") or "application/octet-stream"
        body = environ["wsgi.input"].read()
        request = urllib.request.Request(url, data=body or None, headers=headers, method=environ["REQUEST_METHOD"])
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        hop_by_hop = {"connection", "transfer-encoding", "date"}
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in hop_by_hop]
        start_response(f"{answer.status} {answer.reason}", kept)
        return [answer.read()]


def timestamps(value, name=""):
    """Converts the timestamps of the JSON protocol to CBOR tag 1."""
    if isinstance(value, dict):
        return {key: timestamps(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [timestamps(item, name) for item in value]
    if TIMESTAMP.search(name):
        if isinstance(value, (int, float)):
            return cbor2.CBORTag(1, value)
        if isinstance(value, str):
            return cbor2.CBORTag(1, datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp())
    return value


def main():
    self_check()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if sys.argv[1:2] == ["--forward"]:
        moto = app = Forward(sys.argv[2])
    else:
        bucket_prefixes()
        object_locks()
        tags_of_new_buckets()
        not_implemented()
        settings_of_functions()
        settings_of_databases()
        keys_of_log_groups()
        settings_of_endpoints()
        filters_of_log_groups()
        composite_alarms()
        attributes_of_topics()
        attributes_of_instances()
        rules_without_ports()
        moto = FunctionParts(S3Keeps(DomainDispatcherApplication(create_backend_app)))
        app = NotImplemented(CborToJson(S3Roots(moto)))
    server = make_server("127.0.0.1", 0, Reset(moto, Packages(ValidateRequests(app))), threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
