from . import local_settings


def rate():
    return local_settings.RATE
