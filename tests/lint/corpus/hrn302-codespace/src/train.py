from pathlib import Path

for line in Path("/workspaces/houses/data/rows.csv").read_text().split():
    print(">", line)
