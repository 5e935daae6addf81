# SPDX-License-Identifier: AGPL-3.0-or-later
"""The records as a graph that can be asked in SPARQL: a store in a folder beside the index, made of the same statements
as every other surface, followed from the index, and asked in processes of their own.

`layout` says what is in the folder; `changes` finds what the store lacks; `following` is the process that writes it and
`follower` its keeper in the node; `answering` is the process that is asked and `workers` those who ask it.
"""
