with open("/mnt/data/result.txt", "w") as file:
    file.write("1")
print("> written")
