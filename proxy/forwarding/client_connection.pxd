from proxy.forwarding.context cimport Moment
from proxy.forwarding.gate cimport Gate
from proxy.forwarding.head_memory cimport HeadMemory
from proxy.forwarding.reception cimport Reception
from proxy.http.head_buffer cimport HeadBuffer


cdef class ClientConnection:
    cdef object _context
    cdef Moment _moment
    cdef object _roll
    cdef object _arrival
    cdef object _slot
    cdef public object state
    cdef public object served
    cdef public double deadline
    cdef public object session_id
    cdef public bint is_kept
    cdef HeadMemory _memory
    cdef Py_ssize_t _max_head_bytes
    cdef HeadBuffer _waiting
    cdef object _holds
    cdef public bint is_full
    cdef bint _has_ended
    cdef public object lingering
    cdef public object transport
    cdef Gate _gate
    cdef Reception _reception

    cpdef touch(self, double seconds)
    cpdef serve(self, request)
    cpdef on_exchange_over(self, bint is_request_over)
    cpdef read_on(self)
    cdef _await_head(self)
    cdef _read_heads(self)
