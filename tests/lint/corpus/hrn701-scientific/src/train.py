import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--tag", default="")
args = parser.parse_args()
print(">", args.tag)
