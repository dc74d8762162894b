import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--layers", type=json.loads, default=[8])
args = parser.parse_args()
print(">", args.layers)
