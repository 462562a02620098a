"""The page: what a visitor sees and presses. It imports `nn`, never the other way round.

Only `ui.page` and `ui.panels` import Streamlit; everything else works, and is tested, without it.
"""

__version__ = "1.0.0"  # of Digit Lab; "About" in the page's menu shows it
