import argparse

parser = argparse.ArgumentParser()
parser.add_argument("data")
args = parser.parse_args()
print(">", len(args.data) > 0)
