from setuptools import setup

setup(name="user-code", version="1", py_modules=[])
