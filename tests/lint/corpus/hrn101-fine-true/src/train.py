import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", type=bool, default=True)
args = parser.parse_args()
print(">", args.shuffle)
