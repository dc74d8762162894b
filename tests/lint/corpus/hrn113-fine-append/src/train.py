import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--layers", action="append", type=int)
args = parser.parse_args()
print(">", args.layers)
