"""Taking a node's Pods away: who goes, in which order, and what is in the way. docs/drain.md is its page."""
