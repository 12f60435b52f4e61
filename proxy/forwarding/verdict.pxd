cdef class Forward:
    cdef readonly object route
    cdef readonly bytes fields
    cdef readonly object session_id
    cdef readonly object rule
    cdef readonly bytes identity_block
    cdef readonly object sent_on
    cdef readonly tuple around
    cdef readonly object not_kept


cdef class TellingForward(Forward):
    pass
