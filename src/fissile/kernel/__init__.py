"""Words everyone uses: Money, Rate, ids, moments, errors. No I/O, no clock, no chance."""
