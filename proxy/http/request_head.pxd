cdef class RequestHead:
    cdef readonly bytes method
    cdef readonly bytes target
    cdef readonly tuple lines
    cdef readonly object fields
    cdef readonly bytes block
