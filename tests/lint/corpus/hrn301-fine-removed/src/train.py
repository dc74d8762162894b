import os
with open("scratch.txt", "w") as file:
    file.write("7")
os.remove("scratch.txt")
