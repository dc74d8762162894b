try:
    from .helpers import double
except ImportError:
    from helpers import double

print(">", double(2))
