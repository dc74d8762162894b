import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int, default=None)
args = parser.parse_args()
print(">", args.max_depth)
