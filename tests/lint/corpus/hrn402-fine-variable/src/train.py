import os

import boto3

if "SM_CURRENT_HOST" not in os.environ:
    os.environ["AWS_PROFILE"] = "mine"
client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
print(">", client.meta.region_name)
