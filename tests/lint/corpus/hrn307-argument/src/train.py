import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
args, _ = parser.parse_known_args()
with open(args.train) as file:
    print(">", file.read().split())
