"""Titles that neither overlap nor leave their figure: broken into lines, made smaller, and at last shortened."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import BboxBase

SMALLEST_FONT = 5.0  # points
SHRINK = 0.75
MARGIN = 2.0  # pixels between titles


def separate_titles(figure: Figure) -> Figure:
    """The figure, with titles of panels and of columns of tiles that do not overlap, and captions that are not cut off.

    Captions are wrapped to the width of their figure or subfigure. Titles that overlap are broken at a space, and made
    smaller. Where the smallest font is too large still, only the last word of each is kept, such as the number of a
    column, and then as many of them as fit. The layout is then final, since computing it again would take as long as
    drawing the figure.
    """
    figure.draw_without_rendering()
    parts: list[Figure | SubFigure] = [figure, *figure.subfigs]
    wrapped = [_wrap_caption(part) for part in parts]
    if any(wrapped):
        figure.draw_without_rendering()
    for change in (_break_lines, _shrink, _shrink, _keep_last_word, _thin_out):
        titles = list(panel_titles(figure))
        if not _collide(titles, figure.bbox):
            break
        change(titles, figure.bbox)
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def caption_of(figure: Figure | SubFigure) -> Text | None:
    """The caption of a figure or a subfigure, if it has one."""
    found: Text | None = getattr(figure, "_suptitle", None)
    return found


def panel_titles(figure: Figure) -> Iterator[Text]:
    """The titles of axes and of columns in them."""
    for panel in figure.get_axes():
        columns = (text for text in panel.texts if isinstance(text, Annotation))
        yield from (text for text in (panel.title, *columns) if text.get_visible() and text.get_text())


def _wrap_caption(figure: Figure | SubFigure) -> bool:
    """Wrap a caption that is wider than its figure; whether it was."""
    caption = caption_of(figure)
    if caption is None or not caption.get_text():
        return False
    width, available = caption.get_window_extent().width, figure.bbox.width - 2 * MARGIN
    if width <= available:
        return False
    text = caption.get_text()
    longest = max(map(len, text.splitlines()))
    caption.set_text(textwrap.fill(" ".join(text.split()), max(8, int(0.95 * longest * available / width))))
    return True


def _collide(titles: list[Text], figure: BboxBase) -> bool:
    boxes = sorted((title.get_window_extent() for title in titles), key=lambda box: float(box.x0))
    outside = any(box.x0 < figure.x0 or box.x1 > figure.x1 for box in boxes)
    return outside or any(_overlap(box, other) for k, box in enumerate(boxes) for other in boxes[k + 1 :])


def _overlap(box: BboxBase, other: BboxBase) -> bool:
    across = box.x0 < other.x1 + MARGIN and other.x0 < box.x1 + MARGIN
    return bool(across and box.y0 < other.y1 and other.y0 < box.y1)


def _break_lines(titles: list[Text], figure: BboxBase) -> None:
    for title in titles:
        title.set_text(_in_two_lines(title.get_text()))


def _in_two_lines(text: str) -> str:
    """Text broken at the space nearest its middle."""
    spaces = [k for k, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda k: abs(k - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _shrink(titles: list[Text], figure: BboxBase) -> None:
    for title in titles:
        title.set_fontsize(max(SMALLEST_FONT, SHRINK * float(title.get_fontsize())))


def _keep_last_word(titles: list[Text], figure: BboxBase) -> None:
    for title in titles:
        title.set_text(title.get_text().split()[-1])


def _thin_out(titles: list[Text], figure: BboxBase) -> None:
    kept: list[BboxBase] = []
    for title in titles:
        box = title.get_window_extent()
        inside = figure.x0 <= box.x0 and box.x1 <= figure.x1
        if not inside or any(_overlap(box, other) for other in kept):
            title.set_visible(False)
        else:
            kept.append(box)
