import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-n", type=int, default=5)
args = parser.parse_args()
print(">", args.n)
