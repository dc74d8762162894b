import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=1)
args = parser.parse_args()
print(">", args.rate)
