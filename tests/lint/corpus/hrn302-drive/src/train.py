with open("C:\\Users\\me\\rows.csv") as file:
    print(">", file.read().split())
