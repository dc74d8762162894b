import os

print(">", len(os.environ["PATH"]) > 0, len(os.environ["HOME"]) > 0, len(os.environ["LANG"]) > 0)
