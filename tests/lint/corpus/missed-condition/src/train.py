import os

VERBOSE = True
parser = None
if VERBOSE:
    from importlib import import_module

    print(">", import_module("tomlkit").VERSION)
