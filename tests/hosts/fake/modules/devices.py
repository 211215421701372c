"""``modules.devices``: the host's memory on the graphics card."""

calls = []


def torch_gc():
    calls.append("gc")
