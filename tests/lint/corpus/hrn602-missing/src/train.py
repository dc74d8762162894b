import xgboost
print(">", xgboost.VERSION)
