"""One scikit-learn script, unchanged, as a plain process, in SageMaker containers and on AWS."""

__version__ = "0.1.0"
