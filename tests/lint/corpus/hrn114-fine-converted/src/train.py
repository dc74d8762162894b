import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", default=3)
args = parser.parse_args()
rounds = int(args.rounds)
for number in range(rounds):
    print(">", number, f"of {args.rounds}")
