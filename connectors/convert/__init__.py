"""From rows of text to canonical records, as a mapping says. Pure: the time is an argument."""
