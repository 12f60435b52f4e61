cimport cython

from proxy.sessions.kept_sessions cimport WholeSession
from proxy.sessions.last_uses cimport LastUses


cdef class LiveSessions:
    cdef object _store
    cdef object _may_stand
    cdef object _asking
    cdef object _limits
    cdef Py_ssize_t _read_at_once
    cdef object _monotonic
    cdef readonly object kept
    cdef dict _by_cookie
    cdef readonly object looks
    cdef readonly object heard
    cdef readonly LastUses uses
    cdef dict _to_read
    cdef readonly object has_to_read
    cdef set _writing
    cdef object _readings
    cdef object _of_ends
    cdef object _of_changes
    cdef readonly object on_end
    cdef readonly object on_change
    cdef tuple _stop_listening

    @cython.locals(live=WholeSession)
    cpdef known_by(self, tuple cookie, double now)
