import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--data", default=os.path.expanduser("~/data"))
args = parser.parse_args()
print(">", os.listdir(args.data))
