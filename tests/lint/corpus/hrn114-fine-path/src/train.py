import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--fold", default="1")
args = parser.parse_args()
print(">", Path("folds") / args.fold)
