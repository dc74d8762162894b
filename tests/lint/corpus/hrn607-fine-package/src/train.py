from steps.scale import double

print(">", double(2))
