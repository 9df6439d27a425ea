"""The one exception a user meets."""


class UserError(Exception):
    """Something the user can fix: one line that says where, what is wrong, and what to do.

    It is shown without a traceback. Any other exception is a defect and is shown with its
    traceback.
    """
