import argparse

parser = argparse.ArgumentParser()
for name in ("max_depth", "rate"):
    parser.add_argument(f"--{name}", type=float)
args = parser.parse_args()
print(">", args.max_depth, args.rate)
