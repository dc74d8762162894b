import os

with open(os.path.join(os.environ["HOME"], "rows.csv")) as file:
    print(">", file.read().split())
