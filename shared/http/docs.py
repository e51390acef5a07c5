"""`/docs`: what an API offers, as one page without a script that needs nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h2{margin-top:2rem}code{background:#f2f2f2;padding:.1em .3em}dt{margin-top:1rem}"
    "pre{white-space:pre-wrap}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def add_docs(api: FastAPI) -> None:
    """The route; the page is made of the document that clients are generated from."""

    @api.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    def get_docs() -> HTMLResponse:
        return HTMLResponse(page(api.openapi()), headers={"Content-Security-Policy": _POLICY})


def page(document: dict[str, Any]) -> str:
    """The operations of an OpenAPI document by their tags."""
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    parts = [f"<h2>{escape(tag)}</h2><dl>{''.join(found)}</dl>" for tag, found in by_tag.items()]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<pre>{escape(info.get('description', ''))}</pre>"
        '<p>The whole of it, for machines: <a href="/openapi.json">/openapi.json</a> (OpenAPI).</p>'
        f"{''.join(parts)}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    told = operation.get("description") or operation.get("summary") or ""
    asked = ", ".join(
        f"<code>{escape(parameter['name'])}</code>" for parameter in operation.get("parameters", [])
    )
    parameters = f"<br>Parameters: {asked}" if asked else ""
    return f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{escape(told)}{parameters}</dd>"
