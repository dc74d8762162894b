import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
args = parser.parse_args()
print(">", sorted(os.listdir(args.train)))
