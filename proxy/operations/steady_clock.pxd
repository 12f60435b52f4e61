cdef class SteadyClock:
    cdef object _wall
    cdef object _steady
    cdef object _reading
    cdef double _offset
    cdef list _listeners
