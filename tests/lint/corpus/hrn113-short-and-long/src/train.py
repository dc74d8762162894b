import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-n", "--num", type=int, default=3)
args = parser.parse_args()
print(">", args.num)
