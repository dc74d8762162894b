import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--layers", type=int, nargs="+", default=[8])
args = parser.parse_args()
print(">", args.layers)
