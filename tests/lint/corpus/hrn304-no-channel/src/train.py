with open("/opt/ml/input/data/test/rows.csv") as file:
    print(">", file.read().split())
