for split in ("train",):
    with open(f"data/{split}/rows.csv") as file:
        print(">", file.read().split())
