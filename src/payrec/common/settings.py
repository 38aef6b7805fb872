"""Settings from ``PAYREC_…`` environment variables: one frozen table, read by the command line and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from annotated_types import Ge, Le
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from payrec.common.errors import UsageError
from payrec.common.text import terminal_text


class Settings(BaseSettings):
    """All settings, their defaults and meaning; ``docs/settings.md`` is checked against this table."""

    model_config = SettingsConfigDict(env_prefix="PAYREC_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database: SecretStr | None = Field(
        None, description="address of the database: duckdb:///FILE, postgresql://… or sc://…"
    )
    db_host: str | None = Field(
        None, description="PostgreSQL host or folder of its socket, if PAYREC_DATABASE is not set"
    )
    db_port: int = Field(5432, ge=1, le=65_535, description="PostgreSQL port")
    db_name: str = Field("payrec", description="PostgreSQL database")
    db_user: str | None = Field(None, description="PostgreSQL user")
    db_pass: SecretStr | None = Field(None, description="PostgreSQL password; never shown or written")
    models_dir: Path = Field(Path("models"), description="folder of the model versions")
    published_dir: Path = Field(Path("out/published"), description="folder of what is served (embedded engine)")
    out_dir: Path = Field(Path("out"), description="folder for worklists, reports and rejects")
    policy: Path | None = Field(None, description="policy.toml: capacity, costs, whom to leave alone")
    alerts: SecretStr | None = Field(
        None, description="webhook or apprise addresses that get the alarms, separated by spaces"
    )
    app_users: str = Field("", description="e-mail addresses that may sign in to the web app, separated by commas")
    app_connections: SecretStr | None = Field(
        None, description="databases that page Connect of the web app offers: NAME=postgresql://…, separated by spaces"
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="days after which `payrec run` deletes published lists; the served one stays",
    )
    privacy_key: SecretStr | None = Field(
        None,
        description="key of the hash that replaces an erased customer in the audit trail and keeps them out of loads",
    )
    horizon_days: int = Field(30, ge=1, le=365, description="days within which a payment counts as recovered")
    landmark_ages: Annotated[tuple[Annotated[int, Field(ge=-365, le=3650)], ...], NoDecode] = Field(
        (-14, -7, 0, 1, 2, 3, 7, 14, 21, 30, 45, 60),
        description="ages in days at which open orders are observed for training, as -7,0,3; below 0: not yet due",
    )
    train_max_rows: int = Field(2_000_000, ge=1000, description="largest number of snapshots used for training")
    seed: int = Field(20_260_101, ge=0, description="seed of everything random")

    @field_validator("landmark_ages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take ``0,3,7``, ``(0, 3, 7)`` and ``[0, 3, 7]``."""
        return value.strip().strip("()[]").removesuffix(",").split(",") if isinstance(value, str) else value

    def database_url(self) -> str:
        """Address of the configured database; it may hold a password, so it is never printed."""
        if self.database is not None:
            return self.database.get_secret_value()
        if self.db_host is None:
            return f"duckdb:///{self.out_dir / 'payrec.duckdb'}"
        user = quote(self.db_user or "", safe="")
        if self.db_pass is not None:
            user += ":" + quote(self.db_pass.get_secret_value(), safe="")
        hosts = ",".join(map(_host, self.db_host.split(",")))
        return f"postgresql://{user + '@' if user else ''}{hosts}:{self.db_port}/{quote(self.db_name, safe='')}"


def _host(host: str) -> str:
    """Return a host for an address: a socket's folder is quoted, IPv6 stands in brackets."""
    is_ipv6 = host.count(":") > 1
    return f"[{quote(host.strip('[]'), safe=':')}]" if is_ipv6 else quote(host, safe=":")


def read_settings() -> Settings:
    """Return the settings of the environment.

    Raises
    ------
    UsageError
        A setting cannot be read; it is named, with the form expected.
    """
    try:
        return Settings()
    except ValidationError as error:
        (name, *_), value = error.errors()[0]["loc"], error.errors()[0]["input"]
        field = Settings.model_fields[str(name)]
        text = terminal_text(",".join(value) if isinstance(value, list) else str(value))
        variable = f"PAYREC_{str(name).upper()}"
        msg = f"the setting {variable} is {text!r}, expected {_form(str(name), field.metadata)}"
        default = "" if field.default is None else f" for the default {field.default}"
        raise UsageError(f"{msg}\ncorrect it, or unset it{default}") from error


def _form(name: str, limits: list[object]) -> str:
    if name == "landmark_ages":
        return "days from -365 to 3650, separated by commas, such as -7,0,3"
    low = "".join(f" from {limit.ge}" for limit in limits if isinstance(limit, Ge))
    return f"a whole number{low}" + "".join(f" to {limit.le}" for limit in limits if isinstance(limit, Le))
