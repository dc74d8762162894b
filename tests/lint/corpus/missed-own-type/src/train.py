import argparse


def switch(text):
    return len(text) > 0


parser = argparse.ArgumentParser()
parser.add_argument("--shuffle", type=switch, default=False)
args = parser.parse_args()
print(">", args.shuffle)
