import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--verbose", type=lambda text: text.lower() == "true", default=False)
args = parser.parse_args()
print(">", args.verbose)
