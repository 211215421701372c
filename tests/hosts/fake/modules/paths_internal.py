"""``modules.paths_internal``: where models lie."""

import os

models_path = os.environ.get("FAKE_MODELS", "models")
