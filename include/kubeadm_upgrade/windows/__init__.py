"""When a cluster may be worked at: maintenance windows and exclusions, as values without a clock inside."""
