"""Why Redis does not serve us, in words that say what to look at and hold no secret."""

from __future__ import annotations

import ssl

from redis.exceptions import AuthenticationError, NoPermissionError


def redis_problem(error: BaseException) -> str:
    """What an error of the Redis client means.

    The error's own text is left out: it may quote an address.

    Args:
        error: what was raised; what it was raised from counts as well.
    """
    cause: BaseException | None = error
    while cause is not None:
        # A password that is missing altogether comes as an AuthenticationError, too.
        if isinstance(cause, (AuthenticationError, NoPermissionError)):
            return "refuses the user or the password: correct GEMBA_REDIS_URL"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has a certificate that is refused: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"does not speak TLS as we do ({cause.reason or type(cause).__name__})"
        cause = cause.__cause__ or cause.__context__
    return f"does not answer ({type(error).__name__})"
