"""Reports: one HTML file each, which needs nothing beside it."""

import base64
import html

from . import files

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2.5rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem } caption { display: none }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8885; vertical-align: top }
img { max-width: min(100%, 44rem); background: #fff; border-radius: 6px }
figure { margin: 1.5rem 0 } figcaption { font-size: .9rem; opacity: .8 }
pre { overflow-x: auto; padding: .8rem; background: #8882; border-radius: 6px }
footer { margin-top: 3rem; font-size: .85rem; opacity: .7 }
"""


def picture(figure, caption):
    """Return a figure as HTML, its pixels within."""
    text, data = html.escape(caption), base64.b64encode(files.png(figure)).decode()
    image = f'<img alt="{text}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def table(columns, rows):
    """Return rows of texts as a table in HTML."""

    def line(tag, cells):
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    head = f"<thead>{line('th', columns)}</thead>"
    return f'<div class="scroll"><table>{head}<tbody>\n{body}\n</tbody></table></div>'


def bullets(texts):
    """Return a list of texts in HTML."""
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in texts) + "</ul>"


def write(path, title, *parts):
    """Write a page of parts, each HTML or a heading and HTML; return its path."""
    from .. import __version__

    body = "\n".join(
        part if isinstance(part, str) else f"<h2>{html.escape(part[0])}</h2>\n{part[1]}" for part in parts
    )
    title = html.escape(title)
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{body}\n<footer>fastmlp {__version__}</footer></body></html>\n"
    )
    return files.write(path, page.encode())
