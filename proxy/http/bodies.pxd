# Lengths stay Python's integers: a sender may name one that a sum in C could not hold.
cdef class LengthBody:
    cdef public object remaining
    cdef public bint is_over
    cdef public bytes leftover


cdef class UntilCloseBody:
    cdef public bint is_over
    cdef public bytes leftover


cdef class ChunkedBody:
    cdef bint _is_to_app
    cdef object _size
    cdef object _state
    cdef bytes _line
    cdef object _remaining
    cdef public bint is_over
    cdef public bytes leftover
    cdef public list trailers


cdef class Rechunked:
    cdef object _body
    cdef public bint is_over
    cdef public bytes leftover
