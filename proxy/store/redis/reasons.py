"""What a log says when a Redis server refuses or cannot be reached: never what it was asked."""

from __future__ import annotations

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from config.system_errors import connection_reason


def refuses_this_client(error: Exception) -> bool:
    """Whether a server answers with this that may well serve others: no outage of the store."""
    if isinstance(error.__cause__, RedisError):
        return refuses_this_client(error.__cause__)
    if not isinstance(error, RedisError) or isinstance(error, (BusyLoadingError, MasterDownError)):
        return False
    return isinstance(error, ResponseError) or error.status_code is not None  # only what a server said has a code


def redis_reason(error: Exception) -> str:
    """One line. It never quotes the server's answers: some quote the question, even digests of passcodes."""
    if isinstance(error.__cause__, RedisError):  # errors while connecting come wrapped
        return redis_reason(error.__cause__)
    match error:
        case MasterNotFoundError():
            return "no sentinel answers that knows a server of this name"
        case AuthenticationError():
            return "Redis refuses the user or the password"
        case NoPermissionError():
            return "Redis does not permit this user what the store needs"
        case BusyLoadingError():
            return "Redis is reading its data"
        case ReadOnlyError():
            return "this Redis is a replica"
        case MasterDownError():
            return "this Redis is a replica that has lost its server"
        case MovedError():
            return "this Redis is a node of a cluster that does not hold the keys of this prefix"
        case OutOfMemoryError():
            return "Redis has no memory left"
        case ResponseError():
            code = str(error).partition(" ")[0]
            return f"Redis refuses it: {code if code.isupper() else type(error).__name__}"
        case RedisError() | OSError():
            return f"Redis cannot be reached: {connection_reason(error)}"
        case _:
            return "the store failed in an unforeseen way"
