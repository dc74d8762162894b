import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--title", default="")
args = parser.parse_args()
print(">", args.title)
