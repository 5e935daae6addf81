# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sources: lists, agendas and news that somebody keeps elsewhere, declared once, and relayed here in step with them.

`declaration` is what a person says of a source; `schedule` when it is due; `bringing` and `fetching` bring it here;
`running` holds it up against last time and hands it to `imports`; `ending` sees to what disappeared; `memory`
remembers; `guessing` proposes a mapping and `previewing` shows it; `keeper` does it all on time in a running node, and
`verb` is the operator's door.
"""
