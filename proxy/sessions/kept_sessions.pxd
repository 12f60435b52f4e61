cdef class WholeSession:
    cdef public object session
    cdef public tuple cookies
    cdef public double last_used_at
    cdef public double ends_at
    cdef public double idle
    cdef public double absolute_end
    cdef public bint is_unflushed

    cpdef used_at(self, double now)
