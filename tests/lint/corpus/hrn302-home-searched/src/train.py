from pathlib import Path

print(">", sorted(path.name for path in (Path.home() / "data").glob("*.csv")))
