with open("data/train/rows.csv") as file:
    print(">", file.read().split())
