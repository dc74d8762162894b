from .helpers import double

print(">", double(2))
