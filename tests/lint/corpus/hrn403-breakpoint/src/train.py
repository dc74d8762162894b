rows = [1, 2]
breakpoint()
print(">", rows)
