from pathlib import Path

Path("/opt/ml/model/model.txt").write_text("7")
