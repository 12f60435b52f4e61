from proxy.upstreams.connection cimport Server, UpstreamConnection


cdef class UpstreamPool:
    cdef public object upstream
    cdef public double first_byte_timeout
    cdef public bint is_portal
    cdef object _log
    cdef object _chance
    cdef Py_ssize_t _most_idle
    cdef public tuple servers
    cdef Server _only
    cdef object _limit
    cdef object _waiting

    cpdef UpstreamConnection take(self, bint is_repeatable, double now, object key=*)
    cpdef give_back(self, UpstreamConnection connection, double now)
    cpdef note_success(self, Server server)
    cdef UpstreamConnection _take_idle(self, Server server, bint is_repeatable, double now, object key)
