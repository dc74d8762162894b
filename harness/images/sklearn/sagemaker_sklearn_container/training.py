"""What ``train`` calls: ``SAGEMAKER_TRAINING_MODULE`` names it, scripts see its name in ``SM_FRAMEWORK_MODULE``."""

from sagemaker_training import entry_point, environment


def main() -> None:
    """Run the user's script with the toolkit's arguments and variables, as one plain process."""
    job = environment.Environment()
    entry_point.run(job.module_dir, job.user_entry_point, job.to_cmd_args(), job.to_env_vars())
