import sys

print("> trained")
sys.exit(0 if len(sys.argv) == 1 else 3)
