import argparse


def parse():
    parser = argparse.ArgumentParser()
    group = parser.add_argument_group("model")
    group.add_argument("--max_depth", type=int, default=3)
    return parser.parse_args()


def main():
    args = parse()
    print(">", args.max_depth)


if __name__ == "__main__":
    main()
