def confirm():
    return input("Train? ") == "y"


print("> trained")
