"""What an error is about, apart from its sentence: so that a page can say it in a visitor's words.

The sentence is for the command line and the log. This module knows no language and no page.
"""

from __future__ import annotations


class RefusalError(ValueError):
    """Something that was given cannot be used; the message says what was expected and what came.

    Attributes
    ----------
    kind : names the sentence, such as "choice"; empty where there is no more than the message
    figures : what the sentence tells: a field's name, a value, a limit
    """

    def __init__(self, message: str, *, kind: str = "", **figures: object) -> None:
        super().__init__(message)
        self.kind, self.figures = kind, figures
