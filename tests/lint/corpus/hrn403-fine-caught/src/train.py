try:
    name = input("Model name: ")
except EOFError:
    name = "model"
print(">", name)
