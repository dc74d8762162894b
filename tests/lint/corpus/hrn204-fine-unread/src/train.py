import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-n", type=int)
parser.add_argument("-N", type=int)
args = parser.parse_args()
print(">", args.n, args.N)
