"""lr -> loss -> curve: the range test as a state machine, and the record it leaves."""
