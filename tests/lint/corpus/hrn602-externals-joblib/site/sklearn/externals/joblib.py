__name__ = "joblib"
