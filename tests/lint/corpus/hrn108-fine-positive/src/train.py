import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shift", type=float, default=0.0)
args = parser.parse_args()
print(">", args.shift)
