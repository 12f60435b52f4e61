cdef class HeadBuffer:
    cdef Py_ssize_t _max_bytes
    cdef public bytes data
    cdef public bint is_partial

    cpdef bytes next_head(self)
    cpdef bytes take(self)
