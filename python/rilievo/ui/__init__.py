"""The Gradio panel that the WebUI tab and ``rilievo ui`` share.

It is built from the rows of :mod:`rilievo.options`; what differs between hosts
is behind :class:`rilievo.ui.host.Host`, what differs between versions of Gradio
in :mod:`rilievo.ui.gradio_compat`, and nowhere else.
"""
