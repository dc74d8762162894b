import os

with open(os.path.join(os.path.dirname(__file__), "vocabulary.txt")) as file:
    print(">", file.read().split())
