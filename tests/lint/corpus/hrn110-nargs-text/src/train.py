import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--features", nargs="+", default=["a"])
args = parser.parse_args()
print(">", len(args.features))
