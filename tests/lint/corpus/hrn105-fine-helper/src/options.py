def add_options(parser):
    parser.add_argument("--max_depth", type=int)
    parser.add_argument("--rate", type=float)
