from . import helpers

print(">", helpers.double(2))
