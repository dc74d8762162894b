from distutils.util import strtobool
print(">", bool(strtobool("true")))
