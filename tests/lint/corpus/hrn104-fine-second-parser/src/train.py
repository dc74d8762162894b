import argparse

first = argparse.ArgumentParser(add_help=False)
first.add_argument("--settings", default="")
known, rest = first.parse_known_args()


def parser_of(settings):
    parser = argparse.ArgumentParser(parents=[first])
    parser.add_argument("--max_depth", type=int, default=3)
    return parser


print(">", known.settings, parser_of(known.settings).parse_args(rest).max_depth)
