with open("vocabulary.txt") as file:
    print(">", file.read().split())
