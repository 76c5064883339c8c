"""How a run stands, and how a fleet does: computed from what runs have written down, for pages, commands and notes."""
