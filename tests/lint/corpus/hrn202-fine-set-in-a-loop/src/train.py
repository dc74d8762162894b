import os

for line in ("GEO_URL=here", "GEO_API_KEY=x"):
    name, _, value = line.partition("=")
    os.environ[name] = value
print(">", len(os.environ["GEO_API_KEY"]))
