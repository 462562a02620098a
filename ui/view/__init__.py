"""Numbers turned into words, HTML, SVG and Vega-Lite charts. Nothing here imports Streamlit."""
