"""``modules.script_callbacks``: who wants to be called."""

tabs, settings, started = [], [], []
on_ui_tabs, on_ui_settings, on_app_started = tabs.append, settings.append, started.append
