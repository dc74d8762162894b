"""An unmodified notebook's code: SageMaker SDK v2, from training to processing. Prints its findings at the end.

Arguments: the source folder, and the image where it is not to be the SDK's own choice.
"""

import json
import sys
from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.s3 import S3Downloader
from sagemaker.sklearn import SKLearn, SKLearnProcessor

SOURCE, *IMAGE = sys.argv[1:]
TYPE = "ml.m5.large"

session = sagemaker.Session()
role = sagemaker.get_execution_role()
Path("data.csv").write_text("0,0\n3,3\n")
data = session.upload_data("data.csv", key_prefix="data")

estimator = SKLearn(
    entry_point="train.py",
    source_dir=SOURCE,
    role=role,
    instance_type=TYPE,
    hyperparameters={"max-leaf-nodes": 3, "C": 0.1},
    sagemaker_session=session,
    **({"image_uri": IMAGE[0]} if IMAGE else {"framework_version": "1.2-1"}),
)
estimator.fit({"train": data}, wait=True, logs="All")

predictor = estimator.deploy(1, TYPE)
predicted = predictor.predict(np.array([[0.0, 0.0], [3.0, 3.0]])).tolist()
predictor.delete_endpoint()

transformer = estimator.transformer(1, TYPE, assemble_with="Line", accept="text/csv")
transformer.transform(data, content_type="text/csv", split_type="Line", wait=True, logs=True)

where = {"role": role, "instance_type": TYPE, "instance_count": 1, "sagemaker_session": session}
if IMAGE:
    processor = ScriptProcessor(image_uri=IMAGE[0], command=["python3"], **where)
else:
    processor = SKLearnProcessor(framework_version="1.2-1", **where)
processor.run(
    code=f"{SOURCE}/preprocess.py",
    inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input/in")],
    outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")],
    wait=True,
    logs=True,
)

findings = {
    "role": role,
    "bucket": session.default_bucket(),
    "model": estimator.model_data,
    "predicted": predicted,
    "endpoints": session.sagemaker_client.list_endpoints()["Endpoints"],
    "transformed": S3Downloader.read_file(f"{transformer.output_path}/data.csv.out"),
    "processed": S3Downloader.read_file(f"{processor.latest_job.outputs[0].destination}/upper.csv"),
}
print("FINDINGS " + json.dumps(findings))
