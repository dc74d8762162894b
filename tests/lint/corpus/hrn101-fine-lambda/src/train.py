import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", type=lambda text: text.lower() == "true", default=False)
args = parser.parse_args()
print(">", args.shuffle)
