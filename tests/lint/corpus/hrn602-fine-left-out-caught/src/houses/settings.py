NAME = "houses"
try:
    from houses.local_settings import *
except ImportError:
    pass
