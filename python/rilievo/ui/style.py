"""How the panel looks: a style sheet that works inside every host, and the pieces of HTML it dresses."""

from __future__ import annotations

import html

from rilievo.ui.jobs import PanelJob
from rilievo.ui.run import Results

CSS = """<style>
.rilievo-bar {position: relative; height: 2.2em; border-radius: 6px; overflow: hidden;
  background: var(--background-fill-secondary, #8882); border: 1px solid var(--border-color-primary, #8884)}
.rilievo-bar > div {position: absolute; inset: 0 auto 0 0; background: var(--primary-500, #ea580c); opacity: .55;
  transition: width .2s linear}
.rilievo-bar > span {position: relative; line-height: 2.1em; padding: 0 .8em; font-size: .95em}
[id$=group_network] > .styler {background: var(--block-background-fill, transparent)}
[id$=model_buttons] {padding: 0 .6em .5em}
.rilievo-card {padding: .4em .6em; font-size: .92em; line-height: 1.5}
.rilievo-advice {opacity: .75}
.rilievo-warn {color: #d97706}
.rilievo-ok {color: #16a34a}
.rilievo-info {font-size: .95em; line-height: 1.6; padding: .2em .4em}
.rilievo-info code {word-break: break-all}
.rilievo-error {border-left: 4px solid #dc2626; padding: .5em .8em; margin: .2em 0; background: #dc262618}
</style>"""


def bar(job: PanelJob) -> str:
    """The progress bar."""
    percent = round(job.fraction() * 100)
    words = [job.stage or "starting"]
    if job.pictures > 1:
        words.append(f"picture {min(job.picture + 1, job.pictures)} of {job.pictures}")
    words.append(f"{percent} %")
    left = job.seconds_left()
    if left is not None:
        words.append(f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left")
    return f"<div class='rilievo-bar'><div style='width:{percent}%'></div><span>{html.escape(' · '.join(words))}</span></div>"


def info(text: str) -> str:
    """Something that went well."""
    return f"<div class='rilievo-info'>{html.escape(text)}</div>"


def error(text: str) -> str:
    """Something a person has to know."""
    return f"<div class='rilievo-error'>{html.escape(text)}</div>"


def summary(results: Results) -> str:
    """What has been done, how long each part took, and what went wrong."""
    words = {0: "Nothing was generated", 1: "1 result"}.get(results.outputs, f"{results.outputs} results")
    pictures = "1 picture" if results.done == 1 else f"{results.done} pictures"
    line = (
        f"{words} of {pictures}" if results.outputs else f"{words} - please check the settings and try again"
    )
    if results.reused:
        line += f", {results.reused} with the depth map that was there"
    if results.skipped:
        line += f", {results.skipped} skipped"
    if results.stopped:
        line += ", stopped"
    times = " · ".join(f"{html.escape(name)} {seconds:.2f} s" for name, seconds in results.times.items())
    parts = [f"<b>{html.escape(line)}</b>", f"{results.seconds:.2f} s" + (f" ({times})" if times else "")]
    if results.model:
        parts.append(f"model: {html.escape(results.model)}")
    text = f"<div class='rilievo-info'>{' · '.join(parts)}"
    if results.folder and results.outputs:
        text += f"<br>saved in <code>{html.escape(results.folder)}</code>"
    text += "</div>"
    for name, reason in results.failures[:20]:
        text += error(reason if name in reason else f"{name}: {reason}")
    if len(results.failures) > 20:
        text += error(f"and {len(results.failures) - 20} more failed")
    return text
