import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--class_weight", default=None)
args = parser.parse_args()
print(">", args.class_weight is None)
