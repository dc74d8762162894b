import boto3
from botocore.exceptions import ProfileNotFound

try:
    session = boto3.Session(profile_name="mine", region_name="eu-west-1")
except ProfileNotFound:
    session = boto3.Session(region_name="eu-west-1")
print(">", session.region_name)
