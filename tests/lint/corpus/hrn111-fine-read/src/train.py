import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--class_weight", type=lambda text: text or None, default=None)
args = parser.parse_args()
print(">", args.class_weight is None)
