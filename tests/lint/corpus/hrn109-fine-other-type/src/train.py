import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", type=lambda text: text.lower() == "true", choices=[True, False], default=False)
args = parser.parse_args()
print(">", args.shuffle)
