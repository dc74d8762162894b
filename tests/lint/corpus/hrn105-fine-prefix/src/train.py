import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--max_leaf_nodes", type=int, default=3)
args = parser.parse_args()
print(">", args.max_leaf_nodes)
