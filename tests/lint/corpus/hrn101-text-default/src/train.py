import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", default=True)
args = parser.parse_args()
print(">", bool(args.shuffle))
