"""The one exception a user meets."""


class UserError(Exception):
    """Something the user can mend: one line that says what is wrong, where (file, key or row), and what to do.

    Shown without a traceback. Anything else that escapes is a defect of the library and is shown with one.
    """
