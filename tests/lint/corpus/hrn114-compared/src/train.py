import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--depth", default=3)
args = parser.parse_args()
if args.depth > 2:
    print(">", "deep")
