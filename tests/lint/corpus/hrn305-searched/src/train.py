from pathlib import Path

print(">", sorted(path.name for path in Path("data/train").glob("*.csv")))
