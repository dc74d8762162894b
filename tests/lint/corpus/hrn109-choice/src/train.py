import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--criterion", choices=["gini", "entropy"], default="gini")
args, _ = parser.parse_known_args()
print(">", args.criterion)
