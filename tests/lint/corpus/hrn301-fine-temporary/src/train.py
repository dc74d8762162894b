import tempfile

with tempfile.TemporaryFile("w") as file:
    file.write("7")
