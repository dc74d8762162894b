import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--tag", type=float, default=0)
args = parser.parse_args()
print(">", args.tag)
