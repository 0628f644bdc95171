# SPDX-License-Identifier: Apache-2.0
"""Validates every request with AWS's service model: required members, enums, lengths, ranges, patterns.

The emulators accept requests that AWS refuses. botocore ships the models from which AWS's SDKs are generated; moto
parses requests with them. An invalid request is answered with 400 ModelViolation and does not reach the emulator.
"""

import functools
import io
import re
import sys

import botocore.session
import botocore.validate
import cbor2
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.responses import get_service_model
from moto.core.routing import get_service_router


# botocore's name of a service by its signing name, if they differ.
MODELS = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
SIGNED_FOR = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/(?P<service>[^/]+)/aws4_request")
CBOR_PATH = re.compile(r"^/service/[^/]+/operation/(?P<operation>[^/]+)$")


class ValidateRequests:
    """WSGI middleware: answers invalid requests with 400 ModelViolation."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        faults = check(environ, body)
        environ["wsgi.input"] = io.BytesIO(body)
        if not faults:
            return self.app(environ, start_response)
        message = "; ".join(faults)
        answer = f"<ErrorResponse><Error><Code>ModelViolation</Code><Message>{message}</Message></Error></ErrorResponse>"
        start_response("400 Bad Request", [("Content-Type", "text/xml")])
        print(f"ModelViolation: {message}", file=sys.stderr, flush=True)
        return [answer.encode()]


@functools.cache
def service_model(name):
    """Returns a service model, cached because reading one takes longer than answering a request."""
    return botocore.session.get_session().get_service_model(name)


def check(environ, body):
    """Returns the violations of the model in a request."""
    signed = SIGNED_FOR.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not signed:
        return ["the request is not signed"]
    name = MODELS.get(signed["service"], signed["service"])
    # botocore's models are AWS's own; moto's copies are only used to parse.
    model = service_model(name)
    cbor = CBOR_PATH.match(environ.get("PATH_INFO", ""))
    if cbor:
        operation, parameters = cbor["operation"], cbor2.loads(body) if body else {}
    else:
        operation, parameters = parse(name, environ, body)
    shape = model.operation_model(operation).input_shape
    if shape is None:
        return []
    report = botocore.validate.ParamValidator().validate(parameters, shape)
    faults = [report.generate_report()] if report.has_errors() else []
    return [f"{operation}: {fault}" for fault in faults + list(violations(parameters, shape, ""))]


def parse(name, environ, body):
    """Returns the operation and its parameters, with AWS's names."""
    request = Request(environ)
    request.get_data(cache=True)
    model = get_service_model(name)
    target = request.headers.get("X-Amz-Target")
    uri_parameters = {}
    if target:
        operation = target.split(".")[-1]
    elif "Action" in request.values:
        operation = request.values["Action"]
    else:
        matched, uri_parameters = get_service_router(name).match(request)
        operation = matched.name
    protocol = determine_request_protocol(model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](model.operation_model(operation), map_type=dict)
    parameters = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": uri_parameters,
        }
    )
    return operation, parameters


def violations(value, shape, path):
    """Yields violations that botocore does not check: enums, patterns and maximum lengths."""
    if value is None:
        return
    if shape.type_name == "structure":
        for member, inner in shape.members.items():
            if member in value:
                yield from violations(value[member], inner, f"{path}.{member}")
    elif shape.type_name == "list":
        yield from too_long(len(value), shape, path)
        for item in value:
            yield from violations(item, shape.member, f"{path}[]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from violations(key, shape.key, f"{path} key")
            yield from violations(item, shape.value, f"{path}.{key}")
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value} is not one of {', '.join(shape.enum)}"
        yield from too_long(len(value), shape, path)
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            yield f"{path}: {value} does not match {pattern}"


def too_long(length, shape, path):
    largest = shape.metadata.get("max")
    if largest is not None and length > largest:
        yield f"{path}: length {length} exceeds {largest}"


def matches(pattern, value):
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:  # a pattern that is not valid in Python cannot be checked
        return True


def self_check():
    """Checks that valid requests pass and invalid requests fail."""
    authorization = "AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/logs/aws4_request, SignedHeaders=h, Signature=s"
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "1",
        "wsgi.url_scheme": "http",
        "HTTP_AUTHORIZATION": authorization,
        "HTTP_X_AMZ_TARGET": "Logs_20140328.CreateLogGroup",
        "CONTENT_TYPE": "application/x-amz-json-1.1",
    }
    for body, allowed in [
        (b'{"logGroupName": "/app"}', True),
        (b'{"logGroupName": "not a name"}', False),
        (b'{"logGroupName": "/app", "logGroupClass": "CHEAP"}', False),
        (b"{}", False),
    ]:
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        faults = check(environ, body)
        assert bool(faults) != allowed, f"{body}: {faults}"
