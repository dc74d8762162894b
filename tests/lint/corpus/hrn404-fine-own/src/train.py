def display(rows):
    print(">", rows)


display([1, 2])
