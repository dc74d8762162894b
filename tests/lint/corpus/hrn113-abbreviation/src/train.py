import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int, default=3)
args = parser.parse_args()
print(">", args.max_depth)
