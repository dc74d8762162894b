print("> hello")
