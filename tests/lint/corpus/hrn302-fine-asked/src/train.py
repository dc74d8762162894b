import os

folder = "/content/drive/MyDrive"
if os.path.isdir(folder):
    with open(os.path.join(folder, "rows.csv")) as file:
        print(">", file.read().split())
print("> done")
