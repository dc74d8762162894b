import argparse
import os
from pathlib import Path


def load(folder):
    return Path(folder, "rows.csv").read_text().split()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=str, default=os.getenv("SM_CHANNEL_TRAIN", None))
    args, _ = parser.parse_known_args()
    print(">", load(args.train))
