with open("/mnt/data/rows.csv") as file:
    print(">", file.read().split())
