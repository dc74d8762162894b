import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
args, _ = parser.parse_known_args()
print(">", args.learning_rate)
