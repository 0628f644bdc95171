# SPDX-License-Identifier: Apache-2.0
"""Settings of functions that have operations of their own and that moto lacks or loses: function URLs, asynchronous
invocations, provisioned concurrency, recursive loops, runtime updates and code signing.
"""

import json
import re
import urllib.parse

ACCOUNT = "123456789012"
TIME = "2026-01-01T00:00:00.000+0000"


class FunctionParts:
    """WSGI middleware: stores and returns these settings. A deleted function loses them."""

    PATH = re.compile(r"^/\d{4}-\d\d-\d\d/functions/(?P<name>[^/]+)(/(?P<part>[a-z-]+)(?P<list>/list)?)?/?$")
    REGION = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/lambda/")
    KEPT = (
        "code-signing-config",
        "event-invoke-config",
        "provisioned-concurrency",
        "recursion-config",
        "runtime-management-config",
        "url",
        "urls",
    )

    def __init__(self, app):
        self.app = app
        self.kept = {}

    def __call__(self, environ, start_response):
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path == "/moto-api/reset":
            self.kept.clear()
        match = self.PATH.match(urllib.parse.unquote(path))
        region = self.REGION.search(environ.get("HTTP_AUTHORIZATION", ""))
        if not match or not region:
            return self.app(environ, start_response)
        function = (region["region"], match["name"].rsplit(":", 1)[-1])
        part = match["part"]
        if method == "DELETE" and not part:
            self.kept = {key: value for key, value in self.kept.items() if key[:2] != function}
        if part not in self.KEPT:
            return self.app(environ, start_response)
        query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
        qualifier = query.get("Qualifier", [""])[0]
        if method == "GET" and (match["list"] or part == "urls" or "List" in query):
            return respond(start_response, "200 OK", self.listed(function, part))
        key = (*function, part, qualifier)
        if method == "DELETE":
            self.kept.pop(key, None)
            start_response("204 No Content", [])
            return [b""]
        if method in ("PUT", "POST"):
            body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            # An update of a URL keeps what it omits; an empty Cors removes the settings.
            kept = self.kept.get(key, {}) if part == "url" else {}
            self.kept[key] = {name: value for name, value in {**kept, **body}.items() if value != {}}
        if part in ("url", "event-invoke-config") and key not in self.kept:
            answer = {"Type": "User", "Message": "The resource you requested does not exist."}
            return respond(start_response, "404 Not Found", answer, "ResourceNotFoundException")
        return respond(start_response, "200 OK", self.answer(function, part, qualifier, self.kept.get(key, {})))

    def listed(self, function, part):
        part = "url" if part == "urls" else part
        found = sorted(item for item in self.kept.items() if item[0][:3] == (*function, part))
        items = [self.answer(function, part, key[3], value) for key, value in found]
        name = {
            "event-invoke-config": "FunctionEventInvokeConfigs",
            "provisioned-concurrency": "ProvisionedConcurrencyConfigs",
            "url": "FunctionUrlConfigs",
        }[part]
        return {name: items}

    @staticmethod
    def answer(function, part, qualifier, kept):
        arn = f"arn:aws:lambda:{function[0]}:{ACCOUNT}:function:{function[1]}"
        arn = f"{arn}:{qualifier}" if qualifier else arn
        if part == "provisioned-concurrency":
            executions = kept.get("ProvisionedConcurrentExecutions")
            return {"FunctionArn": arn, "RequestedProvisionedConcurrentExecutions": executions, "Status": "READY"}
        if part == "recursion-config":
            return {"RecursiveLoop": "Terminate", **kept}
        if part == "runtime-management-config":
            return {"UpdateRuntimeOn": "Auto", "FunctionArn": arn, **kept}
        if part == "event-invoke-config":
            return {"FunctionArn": arn, "LastModified": 1767225600, **kept}
        if part == "url":
            address = f"https://{function[1]}00000000000000000000000.lambda-url.{function[0]}.on.aws/"
            times = {"CreationTime": TIME, "LastModifiedTime": TIME}
            return {"FunctionUrl": address, "FunctionArn": arn, "InvokeMode": "BUFFERED", **times, **kept}
        return {"FunctionName": function[1], **kept}


def respond(start_response, status, answer, code=None):
    headers = [("Content-Type", "application/json"), *([("x-amzn-errortype", code)] if code else [])]
    start_response(status, headers)
    return [json.dumps(answer).encode()]
