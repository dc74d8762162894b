import boto3

session = boto3.Session(profile_name="mine")
print(">", session.region_name)
