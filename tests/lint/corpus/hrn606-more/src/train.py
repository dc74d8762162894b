print("> trained")
