import os

import settings

print(">", len(os.environ["GEO_API_KEY"]), settings.URL)
