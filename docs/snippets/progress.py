"""How far it is, and how to stop it."""

import threading

import rilievo

stop = threading.Event()  # any thread may set it


def progress(stage: str, done: int, total: int) -> None:
    print(f"{stage}: {done} of {total}")


depth = rilievo.estimate_depth("photo.jpg", progress=progress, cancel=stop)

stop.set()
try:
    rilievo.estimate_depth("photo.jpg", cancel=stop)
except rilievo.Cancelled:
    print("stopped")
