"""What the site needs beyond its pages: links that hold in the repository too, Markdown with types."""

import inspect

import make_results
from docutils import nodes
from sphinx_design.shared import PassthroughTextElement
from sphinx_gallery.directives import imgsgnode

# files at the top of the repository, and the pages that show them
PAGES = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../README.md": "index.md",
}

# methods that other modules of the package call, and nobody else
WITHIN = set("begin built lay_out loss_of obey_layers outputs own_params take_plan unfinished".split())


def link_to_pages(app, page, source):
    """Let a link to a file at the repository's top lead to the page that shows it."""
    for file, name in PAGES.items():
        source[0] = source[0].replace(f"]({file}", f"]({name}")


def add_results(app, page, source):
    """Let the performance page end with the tables of the kept runs."""
    if page == "performance":
        source[0] += "\n" + make_results.markdown()


def mark_comparisons(app, doctree, page):
    """Let the tables "there / here" be told from others: they have two columns of code."""
    if page.startswith("from_"):
        for table in doctree.findall(nodes.table):
            table["classes"].append("there-here")


def join_classes(app, doctree, page):
    """Let the gallery's pictures have all of their classes in HTML: sphinx-gallery writes the first."""
    for picture in doctree.findall(imgsgnode):
        picture["class"] = [" ".join(picture["class"] or [])]


def leave_out(app, what, name, value, skip, options):
    """Say which members have no place on the page of a class."""
    return True if what == "class" and name in WITHIN else skip


def picture(self, node):
    """Write in Markdown that a script drew something, and what; not once more for dark pages."""
    if "only-dark" in " ".join(node["class"] or []):
        raise nodes.SkipNode
    self.add(f"(picture: {node['alt']})", prefix_eol=2, suffix_eol=2)


def parameters_of(app, what, name, value, options, signature, returns):
    """Return a class's own parameters, where Sphinx looks at the ``__new__`` that its base checks them in."""
    if what == "class" and signature == "(*args, **kwargs)":
        own = inspect.signature(value)
        plain = [
            parameter.replace(annotation=inspect.Parameter.empty) for parameter in own.parameters.values()
        ]
        return str(own.replace(parameters=plain, return_annotation=inspect.Signature.empty)), None
    return None


def in_markdown(before, after=""):
    """Return what the Markdown builder, which does not know a kind of node, is to write around one."""
    return lambda self, node: self.add(before), lambda self, node: self.add(after)


def setup(app):
    """Be an extension of Sphinx."""
    app.connect("source-read", link_to_pages)
    app.connect("source-read", add_results)
    app.connect("autodoc-process-signature", parameters_of)
    app.connect("doctree-resolved", mark_comparisons)
    app.connect("doctree-resolved", join_classes)
    app.connect("autodoc-skip-member", leave_out)
    app.add_node(nodes.classifier, override=True, markdown=in_markdown(" : "))  # a parameter's type
    app.add_node(nodes.abbreviation, override=True, markdown=in_markdown(""))  # the * of signatures
    app.add_node(PassthroughTextElement, override=True, markdown=in_markdown(""))  # a card's link
    app.add_node(imgsgnode, override=True, markdown=(picture, lambda self, node: None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
