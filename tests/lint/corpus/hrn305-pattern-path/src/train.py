from pathlib import Path

print(">", sorted(path.name for path in Path().glob("data/**/*.csv")))
