VALUE = (1,
