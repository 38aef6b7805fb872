"""What a session keeps and what all sessions share: settings, source, served list, models, the uploaded file."""

from __future__ import annotations

import gc
import getpass
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st

from payrec.app import access, list_query, list_source, upload, upload_score
from payrec.app.list_source import ActionLog, Served, Source
from payrec.commands import serving
from payrec.commands.app import WITHOUT_SIGN_IN, is_loopback
from payrec.commands.customer_states import CustomerState
from payrec.commands.policies import read_policy
from payrec.common.errors import PayrecError
from payrec.common.settings import Settings, read_settings
from payrec.model.store import versions
from payrec.model.store.bundle import Bundle
from payrec.publish.actions import Action
from payrec.publish.folder_store import FolderStore
from payrec.worklist.policy import Policy

T = TypeVar("T")
LOOK_AGAIN_S = 30
SOURCE, UPLOAD, FOLDER, SETTINGS = "payrec_source", "payrec_upload", "payrec_folder", "payrec_settings"
ME = "payrec_me"


def now() -> datetime:
    """Return the present (UTC, naive)."""
    return datetime.now(UTC).replace(tzinfo=None)


def settings() -> Settings:
    """Return the settings of the process, read once a session."""
    if SETTINGS not in st.session_state:
        st.session_state[SETTINGS] = read_settings()
    return cast("Settings", st.session_state[SETTINGS])


def visitor() -> access.Visitor:
    """Return who looks at a page, and whether they may."""
    try:
        has_sign_in = "auth" in st.secrets
    except FileNotFoundError:
        has_sign_in = False
    user: dict[str, Any] = st.user.to_dict() if has_sign_in else {}
    is_reachable = not is_loopback(st.get_option("server.address") or "") and WITHOUT_SIGN_IN not in sys.argv
    return access.visitor(has_sign_in, user, access.listed(settings().app_users), is_reachable=is_reachable)


def chosen_source() -> Source:
    """Return the source that this session reads: the one connected to, else the configured one."""
    connected: Source | None = st.session_state.get(SOURCE)
    return connected or list_source.configured(settings())


def choose(source: Source | None) -> None:
    """Read another source in this session; None: the configured one. Its password stays in the session's memory."""
    st.session_state[SOURCE] = source


def served() -> Served:
    """Return what is served now. A folder is looked at when its pointer has changed, a database every 30 seconds."""
    source = chosen_source()
    if source.url is not None:
        return cast("Served", _of_database(source.key, source))
    return cast("Served", _of_folder(source.key, list_source.changed_ns(source), source))


@st.cache_resource(max_entries=8, show_spinner=False)  # type: ignore[untyped-decorator]
def _of_folder(key: str, changed_ns: tuple[int, ...], _source: Source) -> Served:
    return list_source.look(_source)


@st.cache_resource(ttl=LOOK_AGAIN_S, max_entries=8, show_spinner="Reading the newest list")  # type: ignore[untyped-decorator]
def _of_database(key: str, _source: Source) -> Served:
    return list_source.look(_source)


def list_file() -> Path | None:
    """Return the Parquet file of the list that is served, None before the first run."""
    current = served().current
    return FolderStore(chosen_source().folder).scores_file(current.run.run_id) if current else None


def detail_file(name: str) -> Path | None:
    """Return the file of a detail of the served run (see :mod:`payrec.publish.details`), None where there is none."""
    current = served().current
    if current is None:
        return None
    path = FolderStore(chosen_source().folder).detail_file(current.run.run_id, name)
    return path if path.is_file() else None


def remembered(query: Callable[..., T], file: Path, *view: list_query.View) -> T:
    """Return what a query reads from a file; read once for all sessions, and again when the file was written."""
    return cast("T", _remembered(query.__name__, file, file.stat().st_mtime_ns, view, query))


@st.cache_data(max_entries=256, show_spinner=False)  # type: ignore[untyped-decorator]
def _remembered(name: str, file: Path, written_ns: int, view: tuple[Any, ...], _query: Callable[..., Any]) -> Any:
    return _query(file, *view)


def of_session(name: str, key: object, make: Callable[[], T]) -> T:
    """Return what this session remembers under a name; made again when the key is another."""
    known = st.session_state.get(name)
    if known is None or known[0] != key:
        st.session_state[name] = known = key, make()
    return cast("T", known[1])


@st.cache_resource(max_entries=4, show_spinner="Reading the model")  # type: ignore[untyped-decorator]
def _bundle(folder: str, model_id: str) -> Bundle:
    return versions.show(Path(folder), model_id)


def bundle(model_id: str) -> Bundle:
    """Return a verified model of the store; shared by all sessions.

    Raises
    ------
    PayrecError
        It is not there, or damaged.
    """
    return cast("Bundle", _bundle(str(settings().models_dir), model_id))


def champion() -> Bundle:
    """Return the model that serves; raises as :func:`payrec.model.store.versions.champion`."""
    folder = settings().models_dir
    return bundle(versions.champion_id(folder) or versions.champion(folder).model_id)


def scoring_model() -> Bundle | Path:
    """Return the model that serves; before there ever was one, a folder of the session for a ranking by rule."""
    if serving.has_no_model(settings().models_dir) and all(one.run.summary.by_rule for one in served().runs):
        return folder() / "models"
    return champion()


def card(model_id: str) -> dict[str, Any] | None:
    """Return a model's card, None where the model is not in the store of this machine."""
    try:
        return bundle(model_id).card
    except PayrecError:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)  # type: ignore[untyped-decorator]
def _action_log(key: str, since: datetime, _source: Source) -> ActionLog:
    return ActionLog(_source, since)


def _log() -> ActionLog | None:
    source, current = chosen_source(), served().current
    return cast("ActionLog", _action_log(source.key, current.run.as_of, source)) if current else None


def actions() -> tuple[Action, ...]:
    """Return the actions since the served list was made; the same tuple as long as nobody has recorded anything."""
    log = _log()
    return log.look() if log else ()


def customer_states() -> dict[str, CustomerState]:
    """Return where the team stands with each customer since the served list was made."""
    log = _log()
    return log.states(now().date()) if log else {}


def me() -> str:
    """Return under which name this session records what it does: the sign-in, else the name given, else the user."""
    name = visitor().name
    if name != access.UNNAMED:
        return name
    try:
        return st.session_state.get(ME) or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return access.UNNAMED


def rules() -> Policy:
    """Return the policy of this installation."""
    return read_policy(settings().policy)


@dataclass(eq=False)
class _Folder:
    """A folder that is removed when nothing holds this any more."""

    path: Path


def folder() -> Path:
    """Return the session's own folder; it goes when the session does."""
    if FOLDER not in st.session_state:
        created = _Folder(Path(tempfile.mkdtemp(prefix="payrec-upload-")))
        weakref.finalize(created, shutil.rmtree, created.path, ignore_errors=True)
        st.session_state[FOLDER] = created
    return cast("_Folder", st.session_state[FOLDER]).path


def uploaded() -> tuple[upload.Upload, upload_score.Result | None] | None:
    """Return the file that this session has uploaded, and its list once it was scored."""
    return cast("tuple[upload.Upload, upload_score.Result | None] | None", st.session_state.get(UPLOAD))


def keep_upload(file: upload.Upload | None, result: upload_score.Result | None = None) -> None:
    """Keep the file of this session; None forgets it."""
    st.session_state[UPLOAD] = None if file is None else (file, result)


@st.cache_resource(show_spinner=False)  # type: ignore[untyped-decorator]
def settle(page: str) -> None:
    """After a page was drawn for the first time: leave what is loaded by now out of the rounds of garbage collection.

    Streamlit collects after every move of a widget, which walks over every module: 0.1 CPU seconds, more than the rest.
    """
    gc.collect()
    gc.freeze()


def is_dark() -> bool:
    """Whether this session looks at a dark page."""
    return bool(st.context.theme.get("type") == "dark")
