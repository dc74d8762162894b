with open("/content/drive/MyDrive/rows.csv") as file:
    print(">", file.read().split())
