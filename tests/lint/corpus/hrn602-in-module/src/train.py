from features import scale
print(">", scale(2))
