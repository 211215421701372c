"""``modules.call_queue``: the host's one queue. Like the real lock, it cannot be taken twice by one thread."""

import threading

queue_lock = threading.Lock()
