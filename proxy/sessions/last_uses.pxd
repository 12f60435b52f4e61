from proxy.sessions.kept_sessions cimport WholeSession


cdef class LastUses:
    cdef object _store
    cdef object _limits
    cdef object _monotonic
    cdef object _written
    cdef double _clock_set_at
    cdef list _unflushed
    cdef dict _read
    cdef dict _aside
    cdef set _used
    cdef set _used_aside

    cpdef note(self, WholeSession live, double now, bint is_read=*)
