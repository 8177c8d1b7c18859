"""Linear read-outs: how much can be told from what neurons answer."""
