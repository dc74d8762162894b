print("> hello")
if True
    print("> there")
