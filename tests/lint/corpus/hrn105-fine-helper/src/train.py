import argparse
from options import add_options

parser = argparse.ArgumentParser()
add_options(parser)
args = parser.parse_args()
print(">", args.max_depth, args.rate)
