"""Who answers a call, behind one protocol."""
