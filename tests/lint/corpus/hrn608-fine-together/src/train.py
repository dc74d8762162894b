import sklearn.tree

print("> trained")
