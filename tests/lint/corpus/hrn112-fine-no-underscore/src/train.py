import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--sagemakerrate", type=float, default=0.1)
args = parser.parse_args()
print(">", args.sagemakerrate)
