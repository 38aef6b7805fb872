"""Commands about exports that load without a map: sources list, sources show, and what ``load source`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import payrec
from payrec.cli import output
from payrec.cli.options import Json
from payrec.common.errors import UsageError
from payrec.common.text import terminal_text

sources_app = typer.Typer(help="Exports that load without a map.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A source, such as stripe-dashboard.")]


@sources_app.command("list")
def sources_list(as_json: Json = False) -> None:
    """List the sources and the files that each reads."""
    rows = [(pack.name, pack.title, ", ".join(each.title for each in pack.inputs)) for pack in payrec.sources.list()]
    document = {"sources": [{"name": name, "title": title, "files": files} for name, title, files in rows]}
    output.emit(document, as_json, lambda: output.table(["source", "export", "files"], rows))


@sources_app.command("show")
def sources_show(name: Name, as_json: Json = False) -> None:
    """Show a source: its files and columns, what is left out, its SQL."""
    pack = payrec.sources.show(name)
    files = {
        each.title: {
            "required": [" or ".join(each.columns[name][0] for name in names) for names in each.required],
            "read if there": [
                headers[0]
                for name, headers in each.columns.items()
                if not any(name in names for names in each.required)
            ],
            "left out": list(each.left_out),
        }
        for each in pack.inputs
    }
    document: dict[str, Any] = {
        "name": name, "title": pack.title, "export": pack.export, "notes": list(pack.notes), "files": files,
        "tables": [each.tables[0] for each in pack.inputs], "sql": {**pack.views, **pack.sql},
    }  # fmt: skip

    def render() -> None:
        output.say(pack.title)
        output.say(f"export: {pack.export}")
        for title, parts in files.items():
            output.say(title)
            for part, names in parts.items():
                output.say(f"  {part}: {', '.join(names) or 'none'}")
        output.say(f"with --from 'postgresql://…?schema=NAME' it reads the tables {', '.join(document['tables'])}")
        for line in pack.notes:
            output.say(f"note: {line}")
        for file, select in document["sql"].items():
            for line in ("", f"{file}.sql", *select.splitlines()):
                output.say(line)

    output.emit(document, as_json, render)


def unknown_kind(word: str, files: list[Path], encoding: str | None) -> UsageError:
    """Return the error for ``payrec load FILE``: it names the source that the file comes from, if it is recognised."""
    expected = "expected transactions, events, fx, customers, actions or source"
    path = Path(word)
    if files or not path.is_file():
        return UsageError(f"found {terminal_text(word)!r}, {expected}\npayrec load --help shows what it takes")
    for recognition in payrec.sources.recognise(path, encoding):
        return UsageError(
            f"{path.name} is {recognition.title} of {recognition.source} ({'; '.join(recognition.reasons)})\n"
            f"load it with: {recognition.command(path, encoding)}"
        )
    return UsageError(
        f"{path.name} is no export that payrec knows (payrec sources list), so say what it holds, {expected}\n"
        f"payrec load transactions {path} shows how its columns are read"
    )
