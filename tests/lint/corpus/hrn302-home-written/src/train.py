import os

with open(os.path.expanduser("~/data/new.csv"), "w") as file:
    file.write("1,2")
print("> written")
