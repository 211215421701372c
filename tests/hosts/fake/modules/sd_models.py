"""``modules.sd_models``: the checkpoint, and where it is."""

import types

from modules import devices

model_data = types.SimpleNamespace(sd_model="checkpoint")


def send_model_to_cpu(model):
    devices.calls.append(f"{model} to cpu")


def send_model_to_device(model):
    devices.calls.append(f"{model} to gpu")
