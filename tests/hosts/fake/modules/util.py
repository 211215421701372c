"""``modules.util``."""

opened = []
open_folder = opened.append
