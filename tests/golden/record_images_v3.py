"""Record the image URIs that the real SageMaker Python SDK v3 resolves.

    python -m venv /somewhere && /somewhere/bin/pip install sagemaker-core==2.27.0
    /somewhere/bin/python tests/golden/record_images_v3.py

writes ``sdk_v3_images.json`` beside this file.
"""

import json
from pathlib import Path

from sagemaker.core import image_uris


def main():
    recorded = []
    table = image_uris.config_for_framework("sklearn")
    for scope in ("training", "inference"):
        for version, entry in table[scope]["versions"].items():
            regions = entry["registries"] if version == "1.9-0" else ["eu-west-1", "cn-north-1"]
            for region in regions:
                uri = image_uris.retrieve("sklearn", region, version, image_scope=scope, instance_type="ml.m5.large")
                recorded.append({"version": version, "region": region, "scope": scope, "uri": uri})
    lines = ",\n".join(json.dumps(row) for row in recorded)
    Path(__file__).with_name("sdk_v3_images.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
