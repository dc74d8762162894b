import os

os.environ["GEO_API_KEY"] = "x"
URL = "here"
