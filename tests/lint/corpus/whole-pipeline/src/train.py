import argparse
import io
import os

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLUMNS = ["colour", "weight", "height"]


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "pipeline.joblib"))


def input_fn(body, content_type):
    if content_type != "text/csv":
        raise ValueError(f"{content_type} cannot be read here; send text/csv")
    return pd.read_csv(io.StringIO(body), header=None, names=COLUMNS)


def predict_fn(rows, model):
    return model.predict_proba(rows)[:, 1]


def read(folder):
    return pd.concat(pd.read_csv(os.path.join(folder, name)) for name in sorted(os.listdir(folder)))


def pipeline(regularization):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", numbers, COLUMNS[1:]), ("words", words, COLUMNS[:1])])
    return make_pipeline(columns, LogisticRegression(C=regularization))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--label", required=True)
    parser.add_argument("-C", "--C", type=float, default=1.0)
    args = parser.parse_args()

    rows = read(os.environ["SM_CHANNEL_TRAIN"])
    fitted = pipeline(args.C).fit(rows[COLUMNS], rows[args.label])
    print("> accuracy:", fitted.score(rows[COLUMNS], rows[args.label]))
    joblib.dump(fitted, os.path.join(os.environ["SM_MODEL_DIR"], "pipeline.joblib"))
