import tomllib
from parts import scaling
print(">", scaling.scale(2), tomllib.__name__)
