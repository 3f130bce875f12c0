"""What sending costs: tariffs of each merchant, in versions."""
