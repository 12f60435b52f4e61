cpdef bytes joined(tuple around, tuple lines)
