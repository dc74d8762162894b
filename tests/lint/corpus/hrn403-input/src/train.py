name = input("Model name: ")
print(">", name)
