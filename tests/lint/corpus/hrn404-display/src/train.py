rows = [[1, 2], [3, 4]]
display(rows)
print(">", rows)
