"""Entry of the web app: page settings, who may enter, navigation. Run by ``payrec app``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from payrec.app import parts, state
from payrec.app.views import (
    brings_page,
    connect_page,
    customer_page,
    forecast_page,
    health_page,
    model_page,
    order_page,
    score_file_page,
    team_page,
    worklist_page,
)

STATIC = Path(__file__).parent / "static"
# on a phone; one a line, as Streamlit has it, would put the list below the first screen
TWO_FIGURES_A_LINE = """
<style>
@media (max-width: 640px) {
    [data-testid=stColumn]:has([data-testid=stMetric]) { min-width: calc(50% - 1rem) !important; }
}
</style>"""


def main() -> None:
    """Draw the page that the address names, for those who may see it."""
    st.set_page_config("payrec", page_icon=str(STATIC / "icon.png"), layout="wide")
    st.logo(str(STATIC / "logo.png"), size="large", icon_image=str(STATIC / "icon.png"))
    if not parts.entered(state.visitor()):
        return
    pages = [
        st.Page(worklist_page.show, title="Worklist", icon=":material/format_list_numbered:", default=True),
        st.Page(score_file_page.show, title="Score a file", icon=":material/upload_file:", url_path="score"),
        st.Page(customer_page.show, title="Customer", icon=":material/person:", url_path="customer"),
        st.Page(order_page.show, title="Order", icon=":material/receipt_long:", url_path="order"),
        st.Page(team_page.show, title="Team", icon=":material/groups:", url_path="team"),
        st.Page(forecast_page.show, title="Forecast", icon=":material/event_upcoming:", url_path="forecast"),
        st.Page(brings_page.show, title=brings_page.TITLE, icon=":material/compare_arrows:", url_path="brings"),
        st.Page(model_page.show, title="Model", icon=":material/monitoring:", url_path="model"),
        st.Page(health_page.show, title="Health", icon=":material/health_and_safety:", url_path="health"),
        st.Page(connect_page.show, title="Connect", icon=":material/database:", url_path="connect"),
    ]
    chosen = st.navigation(pages)
    st.session_state[parts.PAGES] = {page.url_path: page for page in pages}
    st.html(TWO_FIGURES_A_LINE)
    with parts.errors():
        parts.age_banner()
    with parts.errors():
        chosen.run()
    state.settle(chosen.url_path)


if __name__ == "__main__":
    main()
