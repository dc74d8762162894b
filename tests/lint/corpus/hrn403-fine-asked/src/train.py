import sys

name = input("Model name: ") if sys.stdin.isatty() else "model"
print(">", name)
