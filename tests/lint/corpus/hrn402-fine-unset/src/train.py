import os

import boto3

os.environ["AWS_PROFILE"] = "mine"
del os.environ["AWS_PROFILE"]
client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
print(">", client.meta.region_name)
