import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--verbose", action=argparse.BooleanOptionalAction, default=False)
args = parser.parse_args()
print(">", args.verbose)
