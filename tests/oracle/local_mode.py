"""The SDKs whose local mode is run, each in an environment of its own, beside what the harness needs."""

OURS = ("click>=8.1.7", "pathspec>=0.12", "python-dotenv>=1.0.1", "docker>=7.1")
REQUIREMENTS = {"v2": ("sagemaker[local]==2.257.7", *OURS), "v3": ("sagemaker-core==2.27.0", *OURS)}
"""Generation -> what is installed; the environment is called ``localmode-v2``, ``localmode-v3``."""
