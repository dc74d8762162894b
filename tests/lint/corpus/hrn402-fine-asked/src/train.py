import os

import boto3

session = boto3.Session(profile_name=os.environ.get("AWS_PROFILE"), region_name="eu-west-1")
print(">", session.region_name)
