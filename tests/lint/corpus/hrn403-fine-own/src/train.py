def input(name):
    return name.upper()


print(">", input("model"))
