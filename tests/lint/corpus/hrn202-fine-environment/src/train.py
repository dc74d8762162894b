import os

print(">", len(os.environ["GEO_API_KEY"]))
