with open("/opt/ml/processing/input/rows.csv") as file:
    print(">", file.read())
