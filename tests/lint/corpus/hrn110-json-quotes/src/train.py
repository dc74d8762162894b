import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--features", type=json.loads, default=["a"])
args = parser.parse_args()
print(">", args.features)
