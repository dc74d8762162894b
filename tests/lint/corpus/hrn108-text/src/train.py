import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--suffix", default="")
args, _ = parser.parse_known_args()
print(">", args.suffix)
