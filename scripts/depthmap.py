"""Stable Diffusion WebUI's door: hands over to the installed package, or says in the Depth tab why it cannot.

The host loads this file by path at every start and every "Reload UI".
"""

import html
import os
import runpy
import sys
import threading
import traceback

from modules import script_callbacks, shared

try:
    from rilievo.hosts import webui
    from rilievo.hosts.webui import DepthExtras, DepthForm, DepthHelpers, DepthScript  # noqa: F401 (found by the host)
except Exception as error:
    _ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    _ONE_AT_A_TIME = threading.Lock()
    _WHY = "".join(traceback.format_exception_only(type(error), error)).strip()
    print(f"rilievo cannot be loaded ({_WHY}); the Depth tab says what to do", file=sys.stderr)

    def _tab():
        import gradio as gr

        note = os.path.join(_ROOT, ".build", "install-failed.txt")
        if os.path.exists(note):
            with open(note, encoding="utf-8") as file:
                details = file.read()
        else:
            details = (
                "What to do: restart the whole WebUI, so that it installs rilievo (without --skip-install and "
                f'--skip-prepare-environment). Or run:\n"{sys.executable}" "{os.path.join(_ROOT, "install.py")}"'
            )
        text = (
            "<h3>The package <code>rilievo</code> is missing or broken, so there is no depth yet</h3>"
            f"<p>{html.escape(_WHY)}</p>{_plain(details)}"
        )
        with gr.Blocks(analytics_enabled=False) as tab:
            gr.HTML(text, elem_id="depthmap_missing")
            # Whoever may not install extensions here may not install this one either.
            if not getattr(shared.cmd_opts, "disable_extension_access", False):
                button = gr.Button("Try to install it again (building takes some minutes)")
                button.click(_retry, outputs=gr.HTML(elem_id="depthmap_retried"))
        return [(tab, "Depth", "depthmap_interface")]

    def _retry():
        # Run, not imported: other extensions have a module `install` as well.
        with _ONE_AT_A_TIME:
            _, said = runpy.run_path(os.path.join(_ROOT, "install.py"))["retry"]()
        return _plain(said)

    def _plain(text):
        return f"<pre style='white-space: pre-wrap'>{html.escape(text)}</pre>"

    script_callbacks.on_ui_tabs(_tab)
else:
    script_callbacks.on_ui_tabs(webui.tabs)
    script_callbacks.on_ui_settings(webui.settings_page)
    script_callbacks.on_app_started(webui.app_started)
