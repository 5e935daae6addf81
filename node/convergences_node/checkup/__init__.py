# SPDX-License-Identifier: AGPL-3.0-or-later
"""How this node and its machine are, in signs that a person understands: the one room that says so.

`convergences status`, the operator's page and the alerts all ask `signs`, and say them in the words of `sentences/`.
"""

from convergences_node.checkup.sign import Sign
from convergences_node.checkup.signs import signs
from convergences_node.checkup.wording import sentence, title, what_to_do

__all__ = ["Sign", "sentence", "signs", "title", "what_to_do"]
