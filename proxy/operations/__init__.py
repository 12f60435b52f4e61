"""What runs beside every request: health, metrics, the log, clocks, sockets, users and limits of the process."""
