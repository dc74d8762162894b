from steps.double import double

print(">", double(2))
