import houses

print(">", houses.rate())
