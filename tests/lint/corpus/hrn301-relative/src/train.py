with open("model.txt", "w") as file:
    file.write("7")
