# SPDX-License-Identifier: Apache-2.0
"""Corrections of moto's S3, which server.py lists."""

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
