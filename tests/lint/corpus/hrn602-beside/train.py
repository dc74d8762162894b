import steps

print(">", steps.double(2))
