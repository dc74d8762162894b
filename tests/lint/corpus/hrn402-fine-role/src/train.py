import boto3

session = boto3.Session(region_name="eu-west-1")
print(">", session.region_name)
