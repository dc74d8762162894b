import argparse
import os
from pathlib import Path

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestRegressor


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--min-samples-leaf", type=int, default=3)
    parser.add_argument("--features", type=str)
    parser.add_argument("--target", type=str)
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--test", type=str, default=os.environ.get("SM_CHANNEL_TEST"))
    parser.add_argument("--train-file", type=str, default="rows.csv")
    parser.add_argument("--test-file", type=str, default="rows.csv")
    known, _ = parser.parse_known_args()
    return known


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


if __name__ == "__main__":
    args = arguments()
    train = pd.read_csv(os.path.join(args.train, args.train_file))
    test = pd.read_csv(os.path.join(args.test, args.test_file))
    features = args.features.split()
    model = RandomForestRegressor(args.n_estimators, min_samples_leaf=args.min_samples_leaf, random_state=0)
    model.fit(train[features], train[args.target])
    error = (model.predict(test[features]) - test[args.target]).abs()
    for quantile in (10, 50, 90):
        print(f"> AE-at-{quantile}th-percentile: {error.quantile(quantile / 100):.3f}")
    path = Path(args.model_dir, "model.joblib")
    joblib.dump(model, path)
