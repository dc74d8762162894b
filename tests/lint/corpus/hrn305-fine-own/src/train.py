import os

with open("scratch.txt", "w") as file:
    file.write("7")
with open("scratch.txt") as file:
    print(">", file.read())
os.remove("scratch.txt")
