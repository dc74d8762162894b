import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", default=3)
args = parser.parse_args()
if isinstance(args.rounds, str):
    args.rounds = int(args.rounds)
print(">", 10 - args.rounds)
