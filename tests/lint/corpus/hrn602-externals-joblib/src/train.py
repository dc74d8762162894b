from sklearn.externals import joblib
print(">", joblib.__name__)
