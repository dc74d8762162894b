try:
    from sklearn.externals import joblib
except ImportError:
    import joblib
print(">", joblib.__name__)
