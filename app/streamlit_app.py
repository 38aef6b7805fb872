"""The web app, as in the original project: ``streamlit run app/streamlit_app.py``; ``payrec app`` does the same."""

from payrec.app import main

main.main()
