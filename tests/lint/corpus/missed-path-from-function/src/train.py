import os


def results():
    return os.path.join(os.getcwd(), "results.txt")


with open(results(), "w") as file:
    file.write("7")
