# SPDX-License-Identifier: Apache-2.0
"""Corrections of moto's S3, which server.py lists."""

import io

import xmltodict
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response


def bucket_prefixes():
    """Makes moto ignore the prefix after a bucket's name."""
    get_bucket = S3Backend.get_bucket
    S3Backend.get_bucket = lambda self, name: get_bucket(self, name.split("/")[0])


def object_locks():
    """Makes moto enable Object Lock on buckets with objects."""
    put = S3Backend.put_object_lock_configuration

    def put_on_any_bucket(self, bucket_name, *args, **kwargs):
        bucket = self.get_bucket(bucket_name)
        keys, bucket.keys = bucket.keys, type(bucket.keys)()
        try:
            put(self, bucket_name, *args, **kwargs)
        finally:
            bucket.keys = keys

    S3Backend.put_object_lock_configuration = put_on_any_bucket


def tags_of_new_buckets():
    """Makes moto keep the tags of CreateBucket."""
    put = S3Response._bucket_response_put

    def put_with_tags(self, request, bucket_name, querystring):
        answer = put(self, request, bucket_name, querystring)
        if not querystring and self.body and b"<Tag>" in self.body:
            tags = xmltodict.parse(self.body, force_list=("Tag",))["CreateBucketConfiguration"]["Tags"]["Tag"]
            self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] or "" for tag in tags})
        return answer

    S3Response._bucket_response_put = put_with_tags


class S3Roots:
    """WSGI middleware: corrects the root element of GetBucketVersioning."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] != "GET" or "versioning" not in environ.get("QUERY_STRING", ""):
            return self.app(environ, start_response)
        answered = {}

        def capture(status, headers, exc_info=None):
            answered.update(status=status, headers=[header for header in headers if header[0] != "Content-Length"])
            return lambda data: None

        body = b"".join(self.app(environ, capture)).replace(b"GetBucketVersioningResponse", b"VersioningConfiguration")
        start_response(answered["status"], [*answered["headers"], ("Content-Length", str(len(body)))])
        return [body]


class S3Keeps:
    """WSGI middleware: returns S3 settings as they were put, if moto loses a part of them."""

    BODIES = ("accelerate", "logging", "notification", "object-lock", "replication", "requestPayment")
    DEFAULTS = {
        "accelerate": b"<AccelerateConfiguration/>",
        "notification": b"<NotificationConfiguration/>",
        "requestPayment": b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
    }
    SIZE = "x-amz-transition-default-minimum-object-size"

    def __init__(self, app):
        self.app = app
        self.kept = {}

    def __call__(self, environ, start_response):
        query = environ.get("QUERY_STRING", "").split("&")[0].removesuffix("=")
        bucket = environ.get("PATH_INFO", "").strip("/")
        if environ.get("PATH_INFO") == "/moto-api/reset":
            self.kept.clear()
        if environ["REQUEST_METHOD"] == "DELETE" and not query:
            return self.delete(bucket, environ, start_response)
        if "/s3/" not in environ.get("HTTP_AUTHORIZATION", "") or query not in (*self.BODIES, "lifecycle"):
            return self.app(environ, start_response)
        if query == "lifecycle":
            return self.lifecycle(bucket, environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and (bucket, query) in self.kept:
            start_response("200 OK", [("Content-Type", "application/xml")])
            return [self.kept[bucket, query]]
        if environ["REQUEST_METHOD"] == "GET" and query in self.DEFAULTS:
            return self.default(query, environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["REQUEST_METHOD"] == "PUT" and query == "requestPayment":
            self.kept[bucket, query] = body
            start_response("200 OK", [])
            return [b""]

        def capture(status, headers, exc_info=None):
            if environ["REQUEST_METHOD"] == "PUT" and status.startswith("2"):
                self.kept[bucket, query] = body
            elif environ["REQUEST_METHOD"] == "DELETE":
                self.kept.pop((bucket, query), None)
            return start_response(status, headers)

        return self.app(environ, capture)

    def default(self, query, environ, start_response):
        """Returns the setting of a bucket that never had one, if the bucket exists."""
        answered = {}

        def capture(status, headers, exc_info=None):
            answered.update(status=status, headers=headers)
            return lambda data: None

        body = b"".join(self.app(environ, capture))
        if not answered["status"].startswith("2"):
            start_response(answered["status"], answered["headers"])
            return [body]
        start_response("200 OK", [("Content-Type", "application/xml")])
        return [self.DEFAULTS[query]]

    def delete(self, bucket, environ, start_response):
        """Deletes the stored settings of a deleted bucket."""

        def forget(status, headers, exc_info=None):
            if status.startswith("2"):
                self.kept = {key: value for key, value in self.kept.items() if key[0] != bucket}
            return start_response(status, headers)

        return self.app(environ, forget)

    def lifecycle(self, bucket, environ, start_response):
        """Stores the minimum transition size, a header of the request and the response, with AWS's default."""
        rules = (bucket, "lifecycle")
        if environ["REQUEST_METHOD"] == "GET" and rules in self.kept:
            start_response("200 OK", [("Content-Type", "application/xml"), (self.SIZE, self.kept[bucket, self.SIZE])])
            return [self.kept[rules]]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["REQUEST_METHOD"] == "PUT":
            name = "HTTP_" + self.SIZE.upper().replace("-", "_")
            self.kept[bucket, self.SIZE] = environ.get(name, "all_storage_classes_128K")

        def with_size(status, headers, exc_info=None):
            if environ["REQUEST_METHOD"] == "PUT" and status.startswith("2"):
                self.kept.pop(rules, None)
                # S3 generates an id for a rule without one; moto does the same, so it answers.
                if body.count(b"<Rule>") == body.count(b"<ID>"):
                    self.kept[rules] = body
            elif environ["REQUEST_METHOD"] == "DELETE":
                self.kept.pop(rules, None)
            size = self.kept.get((bucket, self.SIZE))
            headers = [header for header in headers if header[0].lower() != self.SIZE]
            return start_response(status, [*headers, (self.SIZE, size)] if size else headers)

        return self.app(environ, with_size)
