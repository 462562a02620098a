"""The base class of errors about what a caller passes: a message, and its parts for a page.

The message is for the command line and the log. A page can say the same in another language, from
`kind` and `figures`.
"""

from __future__ import annotations


class RefusalError(ValueError):
    """A value or file cannot be used; the message says what was expected and what was found.

    Attributes
    ----------
    kind : which sentence the message is, such as "choice"; empty if there is only the message
    figures : the sentence's parts, such as a field's name, a value, a limit
    """

    def __init__(self, message: str, *, kind: str = "", **figures: object) -> None:
        super().__init__(message)
        self.kind, self.figures = kind, figures
