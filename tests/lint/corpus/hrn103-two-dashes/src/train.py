import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--n", type=int, default=5)
args, _ = parser.parse_known_args()
print(">", args.n)
