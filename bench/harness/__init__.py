"""What every benchmark needs: the machine, data, processes, timing, agreement and the report."""
