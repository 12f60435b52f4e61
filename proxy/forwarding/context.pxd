cdef class Moment:
    cdef public double now
    cdef public bint is_closing
    cdef public double keep_alive_timeout
