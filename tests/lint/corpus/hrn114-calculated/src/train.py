import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rate", default=0.5)
args = parser.parse_args()
print(">", 1 / args.rate)
