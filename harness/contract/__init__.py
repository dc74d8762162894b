"""What a script sees in a SageMaker training job: from its three config files to environment and argv.

Pure functions on the standard library alone, no I/O, nothing read off the machine: this code also runs inside the
image. It is held, value by value, against AWS's own toolkit (``tests/oracle``).
"""
