import joblib
import pandas
import sklearn.tree
import yaml
print(">", yaml.safe_load("1"), pandas.__name__, sklearn.__name__, joblib.__name__)
