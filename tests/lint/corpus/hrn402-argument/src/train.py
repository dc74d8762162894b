import argparse

import boto3

parser = argparse.ArgumentParser()
parser.add_argument("--profile", default="mine")
args = parser.parse_args()
boto3.setup_default_session(profile_name=args.profile)
print("> trained")
