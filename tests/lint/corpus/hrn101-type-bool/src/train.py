import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", type=bool, default=False)
args = parser.parse_args()
print(">", args.shuffle)
