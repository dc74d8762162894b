import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()
for number in range(args.rounds):
    print(">", number)
