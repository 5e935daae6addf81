# SPDX-License-Identifier: AGPL-3.0-or-later
"""The program itself made newer: a signed release is found, checked and staged here; root's installer does the rest.

The node has no right to install. It leaves a release in its folder and a wish in its runtime folder; the package's
`installer`, as root, checks everything again, installs, and waits for this node to say for ten minutes that it is well
(`trial.py`). What a migration would change is kept beside until then (`before.py`). See decisions 88 and 89.
"""
