def show(rows):
    display(rows)


print("> trained")
