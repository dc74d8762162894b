try:
    import json
except ImportError:
    import simplejson as json

print(">", json.loads("1"))
