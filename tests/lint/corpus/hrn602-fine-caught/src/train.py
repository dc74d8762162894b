try:
    import xgboost
except ImportError:
    xgboost = None
print(">", xgboost)
