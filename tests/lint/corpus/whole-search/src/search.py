import argparse
import json
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier


def numbers(text):
    return [int(each) for each in text.split()]


def model_fn(model_dir):
    return joblib.load(Path(model_dir) / "best.joblib")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--neighbors", type=numbers, default=[5])
    parser.add_argument("--train", type=Path, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=Path, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--output-data-dir", type=Path, default=os.environ.get("SM_OUTPUT_DATA_DIR"))
    args = parser.parse_args()

    rows = np.vstack([np.loadtxt(file, delimiter=",") for file in sorted(args.train.glob("*.csv"))])
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": args.neighbors}, cv=args.folds, n_jobs=1)
    search.fit(rows[:, 1:], rows[:, 0])
    print("> best:", search.best_params_, round(search.best_score_, 3))
    table = dict(zip(args.neighbors, search.cv_results_["mean_test_score"].round(3).tolist()))
    (args.output_data_dir / "scores.json").write_text(json.dumps(table))
    joblib.dump(search.best_estimator_, args.model_dir / "best.joblib")


if __name__ == "__main__":
    main()
