"""An unmodified notebook's code: SageMaker SDK v3's ModelTrainer. Prints its findings at the end."""

import json
import sys
from pathlib import Path

import boto3
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
GROUP = "/aws/sagemaker/TrainingJobs"

Path("data.csv").write_text("0,0\n3,3\n")
trainer = ModelTrainer(
    training_image=IMAGE,
    source_code=SourceCode(source_dir=sys.argv[1], entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"max-leaf-nodes": 3, "C": 0.1},
    base_job_name="v3",
)
trainer.train(
    input_data_config=[InputData(channel_name="train", data_source=str(Path("data.csv").resolve()))],
    wait=True,
    logs=True,
)
job = trainer._latest_training_job
logs = boto3.client("logs")
[stream] = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=job.training_job_name)["logStreams"]
events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
findings = {
    "status": job.training_job_status,
    "model": job.model_artifacts.s3_model_artifacts,
    "lines": [event["message"] for event in events],
}
print("FINDINGS " + json.dumps(findings))
