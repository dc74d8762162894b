import imp
print(">", imp.VERSION)
