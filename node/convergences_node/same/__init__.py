# SPDX-License-Identifier: AGPL-3.0-or-later
"""Same actor? What several sources or towns have both written down is found, and shown to a person, who decides."""
