from .sizes import TWO


def double(x):
    return TWO * x
