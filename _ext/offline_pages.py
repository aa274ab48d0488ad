"""What the pages need beyond Jupyter Book: one address, and no doubled scripts."""

from __future__ import annotations

BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def _use_address(app, config):
    """Switch the repository, Colab and Binder buttons on exactly when the book has an address."""
    options = config.html_theme_options
    address = (options.get("repository_url") or "").rstrip("/")
    options["repository_url"] = address
    for name in BUTTONS:
        options[name] = bool(address)
    options["launch_buttons"] = (
        {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "thebe": False,
        }
        if address
        else {"thebe": False}
    )


def _dedupe_scripts(app, pagename, templatename, context, doctree):
    """Drop inline scripts that Sphinx 7.4 adds twice: ``const`` twice is an error."""
    seen, kept = set(), []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if body is not None and body in seen:
            continue
        seen.add(body)
        kept.append(script)
    context["script_files"] = kept


def setup(app):
    """Register the hooks with Sphinx."""
    app.connect("config-inited", _use_address, priority=900)
    app.connect("html-page-context", _dedupe_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
