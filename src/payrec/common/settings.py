"""What can be set by ``PAYREC_…`` environment variables: one frozen table, read by the command line, passed down."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings, their defaults and meaning; ``docs/settings.md`` is checked against this table."""

    model_config = SettingsConfigDict(env_prefix="PAYREC_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database: SecretStr | None = Field(
        None, description="address of the database: duckdb:///FILE, postgresql://… or spark-local://…"
    )
    db_host: str | None = Field(None, description="PostgreSQL host, if PAYREC_DATABASE is not set")
    db_port: int = Field(5432, description="PostgreSQL port")
    db_name: str = Field("payrec", description="PostgreSQL database")
    db_user: str | None = Field(None, description="PostgreSQL user")
    db_pass: SecretStr | None = Field(None, description="PostgreSQL password; never shown or written")
    models_dir: Path = Field(Path("models"), description="folder of the model versions")
    published_dir: Path = Field(Path("out/published"), description="folder of what is served (embedded engine)")
    out_dir: Path = Field(Path("out"), description="folder for worklists, reports and rejects")
    policy: Path | None = Field(None, description="policy.toml: capacity, costs, whom to leave alone")
    alerts: SecretStr | None = Field(
        None, description="where to tell alarms: webhook or apprise addresses, spaces between"
    )
    app_users: str = Field("", description="e-mail addresses that may enter the web app after sign-in, commas between")
    retention_days: int | None = Field(
        None, ge=1, description="days after which `payrec run` takes published lists away; the served one stays"
    )
    privacy_key: SecretStr | None = Field(
        None, description="key of the hash that stands for a customer in the audit trail; without it nothing does"
    )
    horizon_days: int = Field(30, ge=1, le=365, description="days in which a payment counts as recovered")
    landmark_ages: tuple[int, ...] = Field(
        (0, 3, 7, 14, 21, 30, 45, 60), description="ages in days at which open orders are observed for training"
    )
    train_max_rows: int = Field(2_000_000, ge=1000, description="largest number of snapshots used for training")
    seed: int = Field(20_260_101, description="seed of everything random")

    def database_url(self) -> str:
        """Address of the configured database; it may hold a password, so it is never printed."""
        if self.database is not None:
            return self.database.get_secret_value()
        if self.db_host is None:
            return f"duckdb:///{self.out_dir / 'payrec.duckdb'}"
        who = quote(self.db_user or "", safe="")
        if self.db_pass is not None:
            who += ":" + quote(self.db_pass.get_secret_value(), safe="")
        return f"postgresql://{who + '@' if who else ''}{self.db_host}:{self.db_port}/{quote(self.db_name)}"
